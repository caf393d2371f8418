/* Testers without management, when what they installed ends: once each, and the row stands with its message. */
#include "catalog/build.h"
#include "catalog/renewal_told.h"
#include "core/log.h"
#include "web/notices.h"
#include "web/outbox.h"
#include "web/rooms.h"

#define ROUNDS_MAX 100	/* of one day */

struct telling {
	const struct renewal_tells *of;
	struct notice_letter letter;
};

static bool
tx_tell(struct db *tx, void *arg, struct err *err)
{
	const struct telling *t = arg;
	bool first;

	return renewal_told(tx, t->of->ending_id, t->of->due.contact_id, &first, err) && (!first || notice_post(tx, &t->letter, err));
}

static bool
tell(struct site *site, const struct renewal_tells *of, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct telling t = { .of = of };
	json_t *build;
	bool ok;

	if (!build_show(site->db, VIEWER_HOUSE, of->build_id, false, &build, err))
		return err->kind == ERR_MISSING;	/* deleted since: tomorrow there may be another */
	ok = notice_letter(ctx, site, build, of->channel, &of->due, of->ends, &t.letter, err) &&
	     (t.letter.gone || db_tx(site->db, tx_tell, &t, err));
	if (!ok && (err->kind == ERR_INVALID || err->kind == ERR_LIMIT)) {
		/* no mail goes to such an address: that is not tried each day, and nobody behind it waits for it */
		log_warn("a tester is not told that what they installed ends", KV("contact", of->due.contact_id),
			 KV("why", err->cause));
		t.letter.letter = NULL;
		ok = db_tx(site->db, tx_tell, &t, err);
	}
	json_decref(build);	/* it lends the letter its words */
	return ok;
}

bool
renewal_tell(TALLOC_CTX *ctx, struct site *site, struct err *err)
{
	struct renewal_tells *list;
	size_t n = RENEWAL_TELLS;

	for (int round = 0; n == RENEWAL_TELLS && round < ROUNDS_MAX; round++) {
		if (!renewal_tells(ctx, site->db, &list, &n, err))
			return false;
		for (size_t i = 0; i < n; i++)
			if (!tell(site, &list[i], err))
				return false;
		if (n)
			outbox_wake(site);
	}
	return true;
}
