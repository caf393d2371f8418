#pragma once
/*
 * x509 - small services around OpenSSL certificates.  OpenSSL errors become words here.
 */
#include <openssl/cms.h>
#include <openssl/x509.h>
#include <time.h>
#include "core/mem.h"

#define X509_FINGERPRINT_SIZE 65	/* SHA-256 in hex and NUL; SHA-1 uses 41 of it */

void scoped_x509(X509 **cert);
void scoped_x509_stack(STACK_OF(X509) **certs);	/* frees the certificates too */
void scoped_x509_store(X509_STORE **store);
void scoped_cms(CMS_ContentInfo **cms);
void scoped_bio(BIO **bio);
void scoped_evp_pkey(EVP_PKEY **key);

/* All certificates of PEM text; ERR_INVALID when there is none. */
bool x509_read_pem(struct bytes pem, STACK_OF(X509) **ret, struct err *err) CHECKED;
bool x509_read_der(struct bytes der, X509 **ret, struct err *err) CHECKED;

/* Certificates that are part of the program: each is compared with the fingerprint beside it first. */
struct x509_pinned { const char *name, *sha256, *pem; };
bool x509_read_pinned(const struct x509_pinned *pins, size_t n, STACK_OF(X509) **ret, struct err *err) CHECKED;

char *x509_subject_cn(TALLOC_CTX *ctx, X509 *cert);	/* valid UTF-8; "" when there is none */
char *x509_name_text(TALLOC_CTX *ctx, const X509_NAME *name);	/* RFC 4514, in UTF-8; "" when it cannot be said */
const char *x509_sha1(X509 *cert, char hex[X509_FINGERPRINT_SIZE]);
const char *x509_sha256(X509 *cert, char hex[X509_FINGERPRINT_SIZE]);
const char *x509_der_sha256(struct bytes der, char hex[X509_FINGERPRINT_SIZE]);	/* the same of its bytes, or of a key's */
bool x509_expires(X509 *cert, time_t *ret);
time_t x509_begins(X509 *cert);	/* 0: it cannot be read */
/* The first of a chain to end is the end of all of it; it belongs to the stack.  NULL: an end cannot be read. */
X509 *x509_first_to_end(STACK_OF(X509) *chain);

/*
 * Makes a P-256 key and a certificate for it.  `issuer` NULL: self-signed CA.  Names are DNS names or
 * addresses for subjectAltName, separated by spaces.  PEM texts belong to ctx.
 */
struct x509_made { char *cert_pem, *key_pem; };
bool x509_make(TALLOC_CTX *ctx, const char *common_name, const char *names, int days,
	       const struct x509_made *issuer, struct x509_made *ret, struct err *err) CHECKED;
