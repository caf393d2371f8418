#pragma once
/*
 * check_mdm - a house with a CA, and iPhones that speak to it without HTTP: what they send is what iOS sends,
 * shown by their certificate or signed by its key.
 *
 * All phones of one program have the same RSA key, since making one takes long; certificates tell them apart.
 */
#include "tests/check_ca.h"
#include "core/job.h"
#include "mdm/queue_turn.h"
#include "mdm/talk.h"

#define NOON		"2026-11-22T12:00:00Z"
#define UDID_A		"00008120-001A2B3C4D5E801E"
#define UDID_B		"00008120-00000000000000FF"
#define TOPIC		"com.apple.mgmt.External.9f0e2a6c-1111-4222-8333-444455556666"

#define MDM_NO_TIME	(-1)	/* no signingTime among what is signed: not every iOS says it */

struct mdm {
	TALLOC_CTX *ctx;
	const char *dir;
	struct db *db;
	struct ca *ca;
	struct sealer *sealer;
	struct talk talk;
	char *text;		/* of the last answer, NUL at its end; "" */
	int status;		/* of the last answer; 0: it was refused */
	struct err err;		/* of the last refusal */
};

#define phone_new mdm_phone_new	/* tests/device/phone.h has one of this name */
struct phone {
	struct mdm *mdm;
	const char *udid, *serial, *session;
	struct certificate *cert;
	bool by_signature;	/* else live, as in TLS */
	int64_t signed_at;	/* 0: now; MDM_NO_TIME */
	char magic[40];
	unsigned char token[40];
	size_t token_len;
};

struct mdm *mdm_new(TALLOC_CTX *ctx);		/* at NOON */
void mdm_at(struct mdm *m, const char *iso);
void mdm_person(struct mdm *m, const char *id, const char *name);
int64_t mdm_number(struct mdm *m, const char *sql);	/* the first column of the first row */
char *mdm_text(struct mdm *m, const char *sql);

/* A session as the Profile Service leaves it, or a direct one (udid NULL); its id. */
const char *mdm_session(struct mdm *m, const char *kind, const char *udid, const char *serial, const char *person_id);
struct certificate *mdm_issue(struct mdm *m, enum ca_purpose purpose, const char *session_id, bool keep);
/* For the phones' key, by a CA of its own (PEM) that is not ours.  check_foreign.c */
struct bytes mdm_foreign(struct mdm *m, const char *cn, struct bytes *ca_pem, int days);
struct phone *phone_new(struct mdm *m, const char *udid, const char *session_id);
struct phone *phone_ota(struct mdm *m, const char *udid, const char *person_id);	/* of a person's session, or nobody's */
struct phone *phone_direct(struct mdm *m, const char *udid, const char *person_id);
void phone_enrolls(struct phone *p);		/* Authenticate and TokenUpdate, which must succeed */
struct phone *phone_enrolled(struct mdm *m, const char *udid);	/* all of it, for nobody */

/* What it says and hears: true, with m->status and m->text; or false and m->err. */
bool phone_checkin(struct phone *p, const char *xml);
bool phone_command(struct phone *p, const char *xml);
bool phone_authenticate(struct phone *p);
bool phone_token(struct phone *p, const char *more);	/* more: keys and values, or "" */
bool phone_check_out(struct phone *p);
const char *phone_idle(struct phone *p);		/* the CommandUUID it is given; NULL: nothing */
const char *phone_says(struct phone *p, const char *status, const char *uuid);
const char *phone_says_more(struct phone *p, const char *status, const char *uuid, const char *more);

const char *phone_idle_xml(struct phone *p);
void phone_is_refused(struct phone *p, bool said, enum err_kind kind);	/* what it said, with m->err */

const char *phone_state(struct phone *p);		/* of its enrollment */
struct enrollment *phone_enrollment(struct phone *p);	/* bound to its certificate; fails when there is none */
const char *mdm_dict(struct mdm *m, const char *inner);	/* a property list with these keys and values */
char *mdm_sign(struct mdm *m, const struct certificate *cert, struct bytes body, int64_t at);	/* Mdm-Signature */

/* A command of its own name; its CommandUUID. */
const char *mdm_queue(struct mdm *m, const struct phone *p, const char *request_type, int64_t priority);
enum queue_verdict mdm_wish(struct mdm *m, const struct phone *p, struct queue_wish wish, char **uuid);
EVP_PKEY *mdm_key(void);

void mdm_settles(struct mdm *m);			/* what is written behind is written */
int64_t mdm_audited(struct mdm *m, const char *act);	/* how often */
const char *mdm_snapshot(struct mdm *m);		/* every row of every table, as one text */

/* What the house above is told of enrollments, from mdm_listens on. */
extern struct mdm_told { int enrolled, ended, wants_token; const char *state; } mdm_told;
void mdm_listens(struct mdm *m);
