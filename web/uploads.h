#pragma once
/*
 * uploads - what raw, multipart and resumable uploads share: the fields, the reading, the answer.
 */
#include "web/rooms.h"

/* One upload of this person more; ERR_RATE beyond upload.parallel_max.  Freed with ctx. */
bool upload_slot(TALLOC_CTX *ctx, struct site *site, const struct person *person, struct err *err) CHECKED;

/* The child reads it, then it is published.  *id is the build's. */
bool upload_publish(TALLOC_CTX *ctx, struct site *site, struct blob_draft *draft,
		    const struct build_fields *fields, const struct person *person, char **id, bool *fresh,
		    struct err *err) CHECKED;

/* {build, install_url, manifest_url, qr_url, verdict} of docs/api.md; makes a ci grant when it can be
 * installed. */
bool upload_answer(TALLOC_CTX *ctx, struct site *site, const char *build_id, const struct person *person,
		   json_t **ret, struct err *err) CHECKED;
