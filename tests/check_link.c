#include "tests/check_link.h"
#include "catalog/contact.h"
#include "core/clock.h"

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

struct house
house_with_build(TALLOC_CTX *ctx)
{
	struct house h = house(ctx);

	h.build = published(ctx, &h, (struct sent){ 0 });
	return h;
}

char *
tester_link(TALLOC_CTX *ctx, struct house *h, struct link_terms t, char **id)
{
	struct err err;
	char *token, *ignored;

	if (!t.build_id && !t.channel)
		t.build_id = h->build;
	if (!t.expires)
		t.expires = clock_now() + 7 * DAY_S;
	assert_ok(link_new(ctx, h->db, &h->key, h->paul, &t, id ? id : &ignored, &token, &err), &err);
	return token;
}

char *
tester(TALLOC_CTX *ctx, struct house *h, const char *name, const char *email, const char *phone)
{
	struct contact c = { .name = name, .email = email, .phone = phone };
	struct err err;
	char *id;

	assert_ok(contact_check(ctx, &c, &err), &err);
	assert_ok(contact_add(ctx, h->db, "paul", &c, &id, &err), &err);
	return id;
}
