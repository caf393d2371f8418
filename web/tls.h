#pragma once
/*
 * tls - the server's certificate, replaced without a restart.
 *
 * GnuTLS asks for it at each handshake and frees nothing of it, so the pair in use is one pointer,
 * and a replaced pair is kept until no handshake can still hold it.
 */
#include <gnutls/abstract.h>
#include "core/mem.h"

#define TLS_FILE_MAX	(256u << 10)
#define TLS_CHAIN_MAX	10
#define TLS_GRACE_MS	60000	/* a handshake is over long before: the head's deadline covers it */

/*
 * AES-GCM before ChaCha20, whatever the client prefers: GnuTLS is three times slower with the latter.
 * TLS 1.2 with forward secrecy, and TLS 1.3.  X25519 first, since that is the key clients send along: of any other
 * they are asked for another, a round trip more (RFC 8446 section 4.1.4).
 */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:" \
	"-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:" \
	"-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:" \
	"-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:%SERVER_PRECEDENCE"

struct tls;

bool tls_open(TALLOC_CTX *ctx, const char *cert_file, const char *key_file, struct tls **ret,
	      struct err *err) CHECKED;

/* Reads the files again.  A pair that is broken or does not belong together changes nothing. */
bool tls_reload(struct tls *tls, struct err *err) CHECKED;

/* For gnutls_certificate_retrieve_function2; 0, as GnuTLS wants it. */
int tls_pick(struct tls *tls, gnutls_pcert_st **chain, unsigned *chain_n, gnutls_privkey_t *key);
