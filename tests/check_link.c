#include "tests/check_link.h"

struct fresh {
	const struct person *person;
	struct link_draft *draft;
};

static bool
tx_new(struct db *tx, void *arg, struct err *err)
{
	struct fresh *f = arg;

	return link_put(tx, f->person, f->draft, err);
}

bool
link_new(TALLOC_CTX *ctx, struct db *db, const struct link_key *key, const struct person *person,
	 const struct link_terms *terms, char **id, char **token, struct err *err)
{
	struct fresh f = { person, NULL };

	if (!link_draft(ctx, key, terms, &f.draft, err) || !db_tx(db, tx_new, &f, err))
		return false;
	*id = mem_text(ctx, f.draft->id);
	*token = mem_text(ctx, f.draft->token);
	return true;
}
