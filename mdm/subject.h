#pragma once
/*
 * subject - a certificate's name as text, RFC 4514: "CN=device 42,O=Example", the most particular first.
 *
 * Names of types: CN O OU C L ST STREET DC UID SERIALNUMBER GN SN TITLE EMAIL, or dotted numbers.  Escapes by
 * backslash: a special character, or two hexadecimal digits of UTF-8.  "#" values and RDNs of several parts
 * ("+") are not taken.  What was read is written again as the same name.
 */
#include "core/x509.h"

#define SUBJECT_MAX		1024	/* bytes of text */
#define SUBJECT_PARTS_MAX	16

void scoped_x509_name(X509_NAME **name);

/* ERR_INVALID, with what is wrong; an empty subject is wrong.  The caller frees it: X509_NAME_free. */
bool subject_read(const char *text, X509_NAME **ret, struct err *err) CHECKED;

/* Valid UTF-8 whatever the certificate says; "" when it cannot be written. */
char *subject_write(TALLOC_CTX *ctx, const X509_NAME *name);
