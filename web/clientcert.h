#pragma once
/*
 * clientcert - the certificate that a device has shown: to us in TLS, or to a trusted proxy that passes it
 * on in a header (server.client_cert_header).
 *
 * Two forms: RFC 9440, `Client-Cert: :<base64 of the DER>:`, and PEM escaped as in a URL, as nginx has it
 * in $ssl_client_escaped_cert.  From anywhere but server.trusted_proxies the header is dropped and audited.
 *
 * Nothing is verified here, nor decoded beyond the shape of a certificate: whoever relies on it must know whose
 * signature it bears.
 */
#include "core/x509.h"
#include "web/http.h"

#define CLIENTCERT_DER_MAX	(8u << 10)
#define CLIENTCERT_TEXT_MAX	(16u << 10)	/* of the header */

struct client_cert {
	struct bytes der;	/* in the shape of one X.509 certificate; empty: none was shown */
	char sha256[X509_FINGERPRINT_SIZE];
};

/* ERR_MALFORMED for a header of a trusted proxy that cannot be read; none at all is no error. */
bool clientcert_of(struct req *req, struct client_cert *ret, struct err *err) CHECKED;

/* The text of such a header; ERR_MALFORMED.  der belongs to ctx. */
bool clientcert_read(TALLOC_CTX *ctx, const char *text, struct client_cert *ret, struct err *err) CHECKED;
