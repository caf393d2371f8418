#pragma once
/*
 * apns_link - TCP and TLS of mdm/apns.c: a connection to an address that egress has judged, with our
 * certificate.  Never blocks, but for apns_link_open.
 */
#include "core/egress.h"
#include "mdm/apns.h"
#include <openssl/ssl.h>

struct apns_link {
	int fd;			/* -1: closed */
	SSL *ssl;
};

bool apns_link_open(struct apns_link *link, const struct egress *egress, const char *ca_file, X509 *cert, EVP_PKEY *key,
		    const _Atomic bool *stop, struct err *err) CHECKED;
void apns_link_close(struct apns_link *link);

/* How many bytes; 0: not now; -1: it has ended, with the words in err. */
int apns_link_read(struct apns_link *link, void *p, int size, struct err *err);
int apns_link_write(struct apns_link *link, const void *p, int len, struct err *err);
