#pragma once
/*
 * push_file - reads what an admin brings: a certificate and maybe its key, in whatever form it came.
 */
#include "mdm/push_certificate.h"

/* *cert and *key are the caller's to free; *key NULL: none came along.  ERR_INVALID names what cannot be read. */
bool push_file_read(const struct push_import *import, X509 **cert, EVP_PKEY **key, struct err *err) CHECKED;
