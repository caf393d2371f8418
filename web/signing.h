#pragma once
/*
 * signing - mobileconfigs go out signed, so that iOS says from whom they are.
 *
 * With the certificate of registration.sign_cert; where that is not set, with the server's own for TLS, when it has
 * one; else with one of our own CA (mdm/ca_sign.h).  Where that is not made either, they go out unsigned.  The files
 * are read at each use: a renewed certificate needs no restart.
 */
#include "web/http.h"

struct conf;
struct bytes;
struct site;

enum signing_way {
	SIGNING_NONE,
	SIGNING_FILE,		/* a certificate of the settings: "Verified", where its CA is known */
	SIGNING_OWN_CA		/* "Not Verified", until a phone knows our CA */
};

enum signing_way signing_way(struct site *site);	/* a command beside the server has no CA at hand: SIGNING_NONE */

/* Of the settings alone: its name among them, and when it ends; *setting NULL: none is set. */
bool signing_expires(const struct conf *conf, const char **setting, time_t *at, struct err *err) CHECKED;

/* Renews what our own CA signs with before it ends; once a day. */
bool signing_keep(struct site *site, struct err *err) CHECKED;

/* The mobileconfig `xml` signed, or as it is where nothing signs. */
bool signing_sign(TALLOC_CTX *ctx, struct site *site, struct bytes xml, struct bytes *ret, struct err *err) CHECKED;

/* Answers with the mobileconfig `xml` as the file `name`. */
bool signing_reply(struct req *req, struct reply *reply, struct bytes xml, const char *name, struct err *err) CHECKED;
