#pragma once
/*
 * fetch_curl - what fetch.c and mail.c tell libcurl alike.
 */
#include "core/fetch.h"
#include <curl/curl.h>

/*
 * Readies `curl` for the URL of `egress`: its addresses and no others, its protocol and no other, nothing of
 * the environment.  What libcurl does not copy hangs on ctx, which must outlive the transfer; `why` has
 * CURL_ERROR_SIZE bytes.
 */
void fetch_curl_aim(CURL *curl, TALLOC_CTX *ctx, const struct egress *egress, const char *ca_file, char *why);

/* ERR_UPSTREAM in words, after a transfer that failed. */
bool fetch_curl_failed(CURLcode rc, const struct egress *egress, const char *why, struct err *err);

enum fetch_reached fetch_curl_reached(CURL *curl, CURLcode rc);	/* after it */

void fetch_curl_start(void);	/* once a process, from any thread */
