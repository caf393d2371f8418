#pragma once
/*
 * ca_form - what certificates look like: serial, time, extensions.  RFC 5280.  For mdm/ca*.c alone.
 */
#include "core/x509.h"

#define CA_SERIAL_BYTES 20	/* RFC 5280 4.1.2.2: at most */

/* Version, a random positive serial of 160 bits, issuer and subject, time. */
bool ca_form_basics(X509 *cert, const X509_NAME *subject, const X509_NAME *issuer, int64_t from, int64_t until);

/* NULL: it could not be made (an error is in OpenSSL's queue). */
X509_EXTENSION *ca_form_extension(X509 *cert, X509 *issuer, int nid, const char *value);
X509_EXTENSION *ca_form_issuer_key(X509 *issuer);	/* authorityKeyIdentifier */
X509_EXTENSION *ca_form_own_key(struct bytes key);	/* subjectKeyIdentifier, of the BIT STRING's content */
X509_EXTENSION *ca_form_crl_url(const char *url);	/* cRLDistributionPoints */
/* subjectAltName of a person: userPrincipalName (otherName 1.3.6.1.4.1.311.20.2.3) and rfc822Name. */
X509_EXTENSION *ca_form_person(const char *upn, const char *email);

/* Adds it and frees it; NULL is false. */
bool ca_form_add(X509 *cert, X509_EXTENSION *extension);
