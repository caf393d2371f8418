#pragma once
/*
 * build_jobs - the jobs that follow an upload, or an upgrade.  All are safe to repeat.
 */
#include "core/blob.h"
#include "core/db.h"

/* MD5 of each BLOB_CHUNK, which old iOS looks for in a manifest.  A build deleted meanwhile is no error. */
bool build_add_md5s(struct db *db, struct blobs *blobs, const char *id, struct err *err) CHECKED;

/* Deletes the app's builds beyond the newest `keep` of every channel they are in; 0 keeps all. */
bool build_retain(struct db *db, const char *app_id, int64_t keep, struct err *err) CHECKED;

/* Builds of before: what their facts say to the rules of today (build_judge). */
bool build_judge_all(struct db *db, struct err *err) CHECKED;
