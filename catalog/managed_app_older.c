/*
 * What a device without an app gets of it while the newest build is not for that device: it is in a wave that has not
 * come so far, or was stopped.
 */
#include "catalog/managed_app_inner.h"
#include "catalog/rollout.h"
#include <string.h>

#define OLDER_MAX	100	/* of one channel: so many waves of one percent a day are under way at once */
#define TRIES		10	/* would the device take it? */

struct build {
	const char *id, *channel_id;
	int64_t reached;
};

struct managed_older {
	struct build *list;
	size_t n;
};

/*
 * Each channel's, the newest first.  Before an app was kept current or required its builds had no waves, and were for
 * everybody who saw them; what another channel offers first has its own, which begins.
 */
#define REACHED "CASE WHEN w.build_id IS NOT NULL THEN w.reached WHEN EXISTS (SELECT 1 FROM channel n WHERE n.app_id = $1 AND" \
	" n.newest_build_id = o.build_id) THEN CAST($2 AS BIGINT) ELSE 100 END"
#define OLDER "SELECT p.build_id, p.channel_id, p.at, row_number() OVER (PARTITION BY p.channel_id ORDER BY p.at DESC, p.build_id DESC)" \
	" AS place FROM placement p JOIN channel c ON c.id = p.channel_id WHERE c.app_id = $1"

static bool
read_all(TALLOC_CTX *ctx, struct db *tx, const char *app_id, const struct rollout *r, struct managed_older **ret, struct err *err)
{
	struct managed_older *all = mem_new(ctx, struct managed_older);
	struct rows *rows = db_query(all, tx, "SELECT o.build_id, o.channel_id, " REACHED " FROM (" OLDER ") o JOIN build b ON b.id ="
		" o.build_id AND b.installable LEFT JOIN rollout_wave w ON w.app_id = $1 AND w.build_id = o.build_id WHERE o.place <= $3"
		" AND (w.stopped IS NULL OR NOT w.stopped) ORDER BY o.at DESC, o.build_id DESC", db_text(app_id), db_int(r->percent),
		db_int(OLDER_MAX));
	enum rows_step step;

	*all = (struct managed_older){ 0 };
	while ((step = rows_next(rows, err)) == ROWS_ROW) {
		all->list = mem_grow(all, all->list, struct build, all->n + 1);
		all->list[all->n++] = (struct build){ rows_text(all, rows, 0), rows_text(all, rows, 1), rows_int(rows, 2) };
	}
	rows_done(rows);
	*ret = all;
	return step != ROWS_FAILED;
}

/* The channels that its person is offered as one of those they are for. */
static bool
read_channels(TALLOC_CTX *ctx, struct db *tx, const char *app_id, const char *device_id, const char ***ret, size_t *n, struct err *err)
{
	return rows_texts(ctx, db_query(ctx, tx, "SELECT c.id FROM channel c JOIN device d ON d.id = $2 WHERE c.app_id = $1 AND"
		" (c.audience_id IS NULL OR EXISTS (SELECT 1 FROM audience_person w WHERE w.audience_id = c.audience_id AND"
		" w.person_id = d.person_id))", db_text(app_id), db_text(device_id)), ret, n, err);
}

static bool
is_among(const char *const *ids, size_t n, const char *id)
{
	while (n)
		if (strcmp(ids[--n], id) == 0)
			return true;
	return false;
}

bool
managed_app_older(TALLOC_CTX *ctx, struct db *tx, const char *app_id, const char *device_id, const struct rollout *r,
		  struct managed_older **all, const char **build_id, struct err *err)
{
	const char **channels, *why;
	size_t n, tries = 0;

	*build_id = NULL;
	if ((!*all && !read_all(ctx, tx, app_id, r, all, err)) ||
	    !read_channels(ctx, tx, app_id, device_id, &channels, &n, err))
		return false;
	for (size_t i = 0; !*build_id && tries < TRIES && i < (*all)->n; i++) {
		const struct build *b = &(*all)->list[i];

		if (rollout_number(device_id, b->id) >= b->reached || !is_among(channels, n, b->channel_id))
			continue;
		tries++;
		if (!managed_app_fit(ctx, tx, device_id, b->id, &why, err))
			return false;
		if (!why)
			*build_id = b->id;
	}
	return true;
}
