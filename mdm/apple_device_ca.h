#pragma once
/*
 * apple_device_ca - who signs the certificates of iPhones, part of the program.
 *
 * Apple iPhone Device CA, above it Apple iPhone Certification Authority, above that Apple Root CA;
 * published at apple.com/certificateauthority.  Fingerprints and signatures are checked at each reading.
 */
#include "core/x509.h"

/* The device CA first.  The caller frees the stack (SCOPED(x509_stack)). */
bool apple_device_ca_read(STACK_OF(X509) **ret, struct err *err) CHECKED;
