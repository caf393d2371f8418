#pragma once
#include "tests/check.h"

/* A self-signed P-256 certificate for localhost and its key, as files in `dir`. */
struct test_cert { const char *cert_file, *key_file; };
struct test_cert test_cert(TALLOC_CTX *ctx, const char *dir, const char *common_name);
