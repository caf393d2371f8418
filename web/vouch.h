#pragma once
/*
 * vouch - who a trusted proxy in front of us says it is: by a header of its own (signin.proxy_header) or
 * by HTTP Basic that it passes on (signin.proxy_basic), which we check ourselves.
 *
 * Believed only of server.trusted_proxies: from anywhere else the header is dropped and audited, once an
 * hour and address.  Never looked at where a grant, a link or a device's own proof decides (/d /i /udid
 * /scep /mdm ...): those must not be asked who is there.
 *
 * What has been found out is remembered for VOUCH_S, by a keyed hash, so that not every request costs a
 * bind; whether the person may still come in is asked of the database each time.
 *
 * A link that asks for a sign-in leads to /login, where the word is heard; a session carries it back
 * (session_new_vouched).
 */
#include "web/http.h"

#define VOUCH_S		60

/* Has it to be found out first?  Then vouch_read takes as long as a directory does: on a worker. */
bool vouch_waits(struct req *req);

/*
 * Sets req->person, session_csrf, vouched and program; leaves them when nobody is vouched for.
 * ERR_SIGN_IN for wrong Basic credentials, ERR_DENIED for who may not come in ("other_person", "certificate_revoked":
 * what the proxy passes on beside the name), ERR_UPSTREAM, ERR_RATE.
 */
bool vouch_read(struct req *req, struct err *err) CHECKED;

void vouch_forget(void);	/* the settings are others: who was found out by those before */
const char *vouch_csrf(struct req *req);	/* of req->person, with whatever a proxy's word began */

/*
 * Somebody shows a header that only a proxy of ours may show: dropped by whoever reads it, and audited here.  Of every
 * request, also of those that nobody would be signed in for.
 */
void vouch_note_spoof(struct req *req, const char *name);
/*
 * The same of X-Forwarded-For and -Proto, which honest programs behind a proxy of their own show as well: each request
 * is counted, and where proxies are trusted an address is audited once an hour.
 */
void vouch_note_forwarded(struct req *req);
