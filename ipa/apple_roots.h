#pragma once
/*
 * apple_roots - Apple's public root certificates, part of the program.
 *
 * Published at apple.com/certificateauthority.  Each is compared with the fingerprint that stands
 * beside it before it is trusted.
 */
#include "core/x509.h"

/* The caller frees the stack (SCOPED(x509_stack)). */
bool apple_roots_read(STACK_OF(X509) **ret, struct err *err) CHECKED;
