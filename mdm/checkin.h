#pragma once
/*
 * checkin - what devices say at the check-in URL, read and judged; and what they are answered.
 *
 * Keys that are not known are ignored; a MessageType that is not known is ERR_MALFORMED.  A message of the user
 * channel (UserID) is read and kept apart: nothing here drives it.  Apple: Check-in.
 */
#include "core/buf.h"
#include "core/plist.h"

#define CHECKIN_MAX		(1u << 20)	/* bytes of a body */
#define CHECKIN_TOKEN_MIN	32		/* of a push token; Apple: "don't assume a length" */
#define CHECKIN_TOKEN_MAX	4096
#define CHECKIN_SECRET_MAX	(64u << 10)	/* UnlockToken, BootstrapToken */
#define CHECKIN_UDID_SIZE	65

/* kind(name, what is done with it) */
#define CHECKIN_TYPES(T) \
	T(AUTHENTICATE,      "Authenticate") \
	T(TOKEN_UPDATE,      "TokenUpdate") \
	T(CHECK_OUT,         "CheckOut") \
	T(USER_AUTHENTICATE, "UserAuthenticate") \
	T(SET_BOOTSTRAP,     "SetBootstrapToken") \
	T(GET_BOOTSTRAP,     "GetBootstrapToken") \
	T(GET_TOKEN,         "GetToken") \
	T(RETURN_TO_SERVICE, "ReturnToService") \
	T(DECLARATIVE,       "DeclarativeManagement")

enum checkin_type {
#define T(id, name) CHECKIN_##id,
	CHECKIN_TYPES(T)
#undef T
	CHECKIN_TYPES_N
};
const char *checkin_name(enum checkin_type type);

/* Who says it: the same keys in check-ins and in reports. */
struct checkin_who {
	char udid[CHECKIN_UDID_SIZE];	/* UDID, as device_udid writes it; or EnrollmentID, as it came */
	bool user_enrollment;		/* EnrollmentID: Apple gives us no UDID */
	const char *user_id;		/* of the user channel; NULL: the device's */
};
bool checkin_who(TALLOC_CTX *ctx, plist_t message, struct checkin_who *ret, struct err *err) CHECKED;

struct checkin {
	enum checkin_type type;
	struct checkin_who who;
	plist_t plist;			/* ends with the struct */
	struct bytes raw;		/* lent */
	const char *topic, *os_version, *os_build, *product, *serial, *device_name;	/* "" where it did not say */
	const char *push_magic;
	struct bytes token, unlock_token, bootstrap_token;	/* empty where there is none */
	const char *endpoint;		/* DeclarativeManagement; "" */
};
bool checkin_read(TALLOC_CTX *ctx, struct bytes body, struct checkin **ret, struct err *err) CHECKED;

/* ---- answers ---- */

struct checkin_answer {
	int status;			/* 200; 410 for a user who is not managed; 404 for a declaration that is not */
	const char *type;		/* NULL: no body */
	struct bytes body;		/* belongs to ctx */
};

/* Of what changes nothing here; ERR_MALFORMED for a GetToken, since we have no service of that kind. */
bool checkin_answer(TALLOC_CTX *ctx, const struct checkin *checkin, struct bytes bootstrap_token,
		    struct checkin_answer *ret, struct err *err) CHECKED;
