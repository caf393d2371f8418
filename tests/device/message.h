#pragma once
/*
 * message - CMS (RFC 5652) as the phone makes and reads it: signed answers, Mdm-Signature, mobileconfigs.
 *
 * What it sends is BER with indefinite lengths, as devices send it; Mdm-Signature is DER.
 */
#include "tests/device/refuse.h"

/* Attached. */
struct bytes message_sign(TALLOC_CTX *ctx, X509 *cert, EVP_PKEY *key, struct bytes content);
/* Detached, of exactly these bytes. */
struct bytes message_signature(TALLOC_CTX *ctx, X509 *cert, EVP_PKEY *key, struct bytes content);

/* Attached content; *signer is lent by ctx.  Refuses what is wrongly signed; who signed is the caller's matter. */
struct bytes message_open(TALLOC_CTX *ctx, struct bytes der, X509 **signer, STACK_OF(X509) **certs, const char *what);

/* AES-CBC or 3DES, RSA PKCS#1 v1.5, to this certificate: what libsecurity_smime can. */
struct bytes message_decrypt(TALLOC_CTX *ctx, struct bytes der, X509 *cert, EVP_PKEY *key, const char *what);
/* Single DES too, which old SCEP servers answer with. */
struct bytes message_decrypt_old(TALLOC_CTX *ctx, struct bytes der, X509 *cert, EVP_PKEY *key, const char *what);

struct bytes message_der(TALLOC_CTX *ctx, X509 *cert);
X509 *message_cert(TALLOC_CTX *ctx, struct bytes der, const char *what);
