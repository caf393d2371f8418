#include "core/blob.h"
__attribute__((weak)) bool blob_draft_append(TALLOC_CTX *ctx, struct blobs *blobs, const char *path, int64_t at, int64_t expected, struct blob_draft **ret, struct err *err)
{
	(void)ctx; (void)blobs; (void)path; (void)at; (void)expected; (void)ret;
	return err_set(err, ERR_INTERNAL, "not yet");
}
