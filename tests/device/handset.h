#pragma once
/*
 * handset - one simulated iPhone with everything that is on it, kept in a file so that it outlives the program.
 *
 * The state is one property list, DIR/<UDID>.plist:
 *	Number UDID SerialNumber IMEI ProductName Name Keys	who it is; Keys counts those it has used
 *	Device Security						what DeviceInformation and SecurityInfo answer
 *	Apps[] Provisions[] Mobileconfigs[] Certificates[]	what is installed
 *	Enrollment						ServerURL CheckInURL Topic Identity KeyNumber ...; State:
 *								staged, enrolled, removed (by itself or the server)
 *	LostMode Locked Erased					what commands have done to it
 * One thread at a time has a handset.
 */
#include "tests/device/scep.h"

#define HANDSET_KEYS	16	/* of each: a passing identity, the identity, renewals */
#define HANDSETS_MAX	(KEYS_MAX / HANDSET_KEYS)

/* How the server is told who speaks. */
enum proof { PROOF_SIGNATURE, PROOF_CLIENT_CERT, PROOF_ESCAPED, PROOF_TLS, PROOFS_N };
extern const char *const proof_names[];

struct handset {
	const char *dir, *udid;
	int number;
	plist_t state;			/* hangs on the handset */
	const struct phone_ca *apple;
	enum proof proof;
	X509 *cert;			/* its identity; NULL: not enrolled */
	EVP_PKEY *key;
	/* of the fleet alone */
	int64_t due;			/* ms; when it connects next */
	bool busy, told;		/* a worker has it; it was pushed meanwhile */
	int tries;			/* to enroll */
	bool attached;			/* online at the fake APNs, with these */
	const char *push_token, *push_magic;
};

/* Number n of a state directory: made when it is not there.  dir NULL: of no file. */
struct handset *handset_open(TALLOC_CTX *ctx, const char *dir, int number, const struct phone_ca *apple);
void handset_save(const struct handset *h);
EVP_PKEY *handset_new_key(TALLOC_CTX *ctx, struct handset *h, int *number);

/* The enrollment: NULL when there never was one. */
plist_t handset_enrollment(const struct handset *h);
bool handset_is(const struct handset *h, const char *state);
void handset_set_state(struct handset *h, const char *state);
/* From now on this is its identity. */
void handset_identify(struct handset *h, struct bytes cert, int key_number);
void handset_identify_again(struct handset *h);	/* as its enrollment says, when that was changed */

plist_t handset_born(int number, const char *udid);	/* handset_born.c: a new one's state */
