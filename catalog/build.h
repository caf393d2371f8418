#pragma once
/*
 * build - one uploaded file: its facts, its place in channels, its life until it is deleted.
 *
 * build_publish is the end of every upload: the blob is moved in place, then one transaction writes
 * app, build, placement, audit and jobs.  The same bytes again are the same build.
 */
#include "catalog/viewer.h"
#include "core/blob.h"
#include "ipa/inspect.h"

#define BUILD_NOTES_MAX		5000	/* bytes of release notes; longer ones are cut, and said so */
#define BUILD_FIELD_MAX		512	/* bytes of a git fact */
#define BUILD_CUSTOM_MAX	4096	/* bytes of custom_fields as JSON */

/* Can build b be installed at the time `now` (a parameter)?  What its verdict says, without a look at the facts; whoever
 * makes a way to install it asks this.  A managed device may be given a newer provision before: managed_app_fit. */
#define BUILD_INSTALLS(now) "(b.installs_until > " now ")"

struct build_fields {
	const char *channel;		/* NULL: CHANNEL_DEFAULT for a new build */
	const char *changelog, *branch, *git_commit, *ci_url, *source;
	const char *custom_fields;	/* JSON object as text */
	bool silent;			/* testers of its channel are not told */
};

/* *fresh: false when the same bytes were here.  ERR_DENIED says nothing of what is here. */
bool build_publish(TALLOC_CTX *ctx, struct db *db, struct blobs *blobs, struct blob_draft *draft,
		   const struct inspect *inspect, const struct build_fields *fields,
		   const struct person *person, char **id, bool *fresh, struct err *err) CHECKED;

/*
 * {id,bundle_id,name,version,build,sha256,size,minimum_os,installable,expires,created,notes,branch,
 * git_commit,ci_url,source,custom_fields,by,channels[],channel,verdict,facts}; facts only when asked, and
 * of the channels those they see.
 */
bool build_show(struct db *db, struct viewer viewer, const char *id, bool facts, json_t **ret, struct err *err) CHECKED;

struct build_filter {
	const char *bundle_id, *version, *build, *commit, *channel;	/* NULL: any */
	bool brief;	/* without the reasons of a verdict that is plainly good: a third of the time */
};

/* {items[], next}, newest first: of one app what they see; of all apps (bundle_id NULL) those they may change. */
bool build_list(struct db *db, struct viewer viewer, const struct build_filter *filter, const char *after, int64_t limit,
		json_t **ret, struct err *err) CHECKED;

/* [...], as the items of build_list: the newest of each app they may change, where it may not be good any more. */
bool build_doubtful(struct db *db, struct viewer viewer, int64_t limit, json_t **ret, struct err *err) CHECKED;

bool build_count(struct db *db, struct viewer viewer, const char *bundle_id, int64_t *ret, struct err *err) CHECKED;

/* May they change it?  ERR_MISSING when they do not see it, ERR_DENIED when they do; as all below. */
bool build_own(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;
/* `notify`: testers of the channel are told, each once of a build. */
bool build_promote(struct db *db, const struct person *person, const char *id, const char *channel, bool notify,
		   struct err *err) CHECKED;
bool build_set_notes(struct db *db, const struct person *person, const char *id, const char *notes,
		     struct err *err) CHECKED;

/* The app goes with its last build.  The blob is removed by the clean-up job. */
bool build_delete(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;

/* The icon of the newest build they see: blob name. */
bool build_icon(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *bundle_id, enum icon_size size,
		char **name, struct err *err) CHECKED;
/* The icon of this build, for whoever shows another proof (a link, a grant): another build's may be a secret. */
bool build_icon_of(TALLOC_CTX *ctx, struct db *db, const char *id, enum icon_size size, char **name,
		   struct err *err) CHECKED;

/* For the clean-up: is this blob an .ipa or icon of a build, or of an item, or the logo? */
bool build_wants_blob(struct db *db, const char *name, bool *ret, struct err *err) CHECKED;

/* Until when a list shows it as good without a look at its facts (0: it looks), and BUILD_INSTALLS.  Writes a verdict. */
void build_judge(json_t *facts, int64_t *good_until, int64_t *installs_until);

/* For build_delete and retention, inside a transaction: the app's newest becomes what was placed before, or
 * the app goes (each build is in a channel from its upload on). */
bool build_take_away(TALLOC_CTX *ctx, struct db *tx, const char *app_id, const char *id, struct err *err) CHECKED;
