#pragma once
/*
 * check_enroll - a house in which devices enroll: people, a CA, the Apple of the tests, and phones.
 */
#include "tests/check_ca.h"
#include "tests/check_house.h"
#include "core/plist.h"
#include "mdm/enroll.h"
#include "tests/device/phone.h"

#define UDID_1	"00008120-001A2B3C4D5E801E"
#define UDID_2	"00008120-00000000000000BB"
#define TOPIC	"com.apple.mgmt.External.9f0e2a6c-1111-4222-8333-444455556666"

struct enroll_world {
	struct house house;
	struct ca *ca;
	struct phone_ca *apple;
	struct device_roots *roots;
	const struct cms_trust *ours;
	struct enroll_house enroll;
	struct phone *phone, *other;	/* UDID_1, UDID_2 */
	EVP_PKEY *keys[2];		/* RSA-2048, for identities */
};

struct enroll_world enroll_world(TALLOC_CTX *ctx);

struct begun {
	char *id, *token;
	char challenge[SECRET_HASH_SIZE];
};

struct enroll_wish enroll_wish(const struct person *person);	/* NULL: nobody */
bool begin_session(TALLOC_CTX *ctx, struct enroll_world *w, const struct person *person, struct begun *ret,
		   struct err *err);
struct begun begun(TALLOC_CTX *ctx, struct enroll_world *w);	/* mia's */
struct enroll_session *session_of(TALLOC_CTX *ctx, struct enroll_world *w, const char *id);

/* A certificate of our CA for keys[key], kept. */
struct certificate *identity(TALLOC_CTX *ctx, struct enroll_world *w, int key, enum ca_purpose purpose,
			     const char *session_id);

/* The phone as it signs with that. */
struct phone *signing_with(TALLOC_CTX *ctx, struct enroll_world *w, const struct phone *phone,
			   const struct certificate *cert, int key);

/* What the routes do with an answer: *out is the mobileconfig. */
bool answer_session(TALLOC_CTX *ctx, struct enroll_world *w, const struct begun *b, struct bytes answer, struct buf *out,
		    struct err *err);
bool phase_1(TALLOC_CTX *ctx, struct enroll_world *w, const struct begun *b, const struct phone *phone, struct buf *out,
	     struct err *err);
bool phase_3(TALLOC_CTX *ctx, struct enroll_world *w, const struct begun *b, const struct phone *passing,
	     struct buf *out, struct err *err);

/* The payloads of a mobileconfig, opened with keys[key] where they are enveloped; the caller frees it. */
plist_t payloads_of(TALLOC_CTX *ctx, struct enroll_world *w, const struct buf *out, int key);
plist_t payload_typed(plist_t payloads, const char *type);	/* lent; NULL: none */
char *scep_challenge(TALLOC_CTX *ctx, plist_t payloads);

int64_t number_of(struct enroll_world *w, const char *sql);
void write_to(const char *path, const void *p, size_t len);
