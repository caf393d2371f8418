#pragma once
/*
 * signing - mobileconfigs go out signed, so that iOS says from whom they are.
 *
 * With the certificate of registration.sign_cert; where that is not set, with the server's own for TLS,
 * when it has one (behind a proxy it has none, and they go out unsigned).  The files are read at each use:
 * a renewed certificate needs no restart.
 */
#include "web/http.h"

struct conf;
struct bytes;

/* Its name among the settings, and when it ends; *setting NULL: there is none. */
bool signing_expires(const struct conf *conf, const char **setting, time_t *at, struct err *err) CHECKED;
bool signing_is_on(const struct conf *conf);

/* The mobileconfig `xml` signed, or as it is where nothing signs. */
bool signing_sign(TALLOC_CTX *ctx, const struct conf *conf, struct bytes xml, struct bytes *ret, struct err *err) CHECKED;

/* Answers with the mobileconfig `xml` as the file `name`. */
bool signing_reply(struct req *req, struct reply *reply, struct bytes xml, const char *name, struct err *err) CHECKED;
