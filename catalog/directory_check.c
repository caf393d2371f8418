/*
 * The hourly check: what does the directory say of these people now?
 *
 * Each by themselves: of whom it cannot say it, nothing is known, and the others do not wait for them.
 */
#include "catalog/directory_inner.h"
#include "core/buf.h"
#include "core/num.h"
#include <string.h>

#define FILTER_MAX	(32u << 10)
#define ID_BYTES	16

struct checking {
	TALLOC_CTX *ctx;
	const char *const *attributes, *const *ids;
	struct directory_person **people;
	size_t n, found;
	const char *unread;	/* why an entry that is one of theirs cannot be told to be whose; NULL: each can */
};

static bool
take_checked(LDAP *ld, LDAPMessage *entry, void *arg, struct err *err)
{
	struct checking *c = arg;
	struct directory_person *person;

	if (!entry_person(c->ctx, ld, entry, c->attributes, &person, err)) {
		c->unread = mem_text(c->ctx, err->cause);
		return true;
	}
	for (size_t i = 0; i < c->n; i++)
		if (!c->people[i] && strcmp(c->ids[i], person->external_id) == 0) {
			c->people[i] = person;
			c->found++;
		}
	return true;
}

/* Both kinds of id, whichever the directory has: what it does not know matches nothing. */
static const char *
ids_filter(TALLOC_CTX *ctx, const char *const *ids, size_t n)
{
	struct buf buf;

	buf_init(&buf, ctx, FILTER_MAX);
	buf_text(&buf, "(|");
	for (size_t i = 0; i < n; i++) {
		unsigned char bytes[ID_BYTES];

		if (!num_unhex(ids[i], bytes, sizeof bytes))
			continue;
		buf_text(&buf, "(objectGUID=");
		directory_filter_bytes(&buf, bytes, sizeof bytes);
		buf_addf(&buf, ")(entryUUID=%.8s-%.4s-%.4s-%.4s-%.12s)", ids[i], ids[i] + 8, ids[i] + 12, ids[i] + 16,
			 ids[i] + 20);
	}
	buf_text(&buf, ")");
	return mem_text(ctx, buf_str(&buf));
}

static bool
count_one(LDAP *ld, LDAPMessage *entry, void *arg, struct err *err)
{
	size_t *n = arg;

	(void)ld, (void)entry, (void)err;
	++*n;
	return true;
}

static bool
search_people(struct call *call, const char *filter, size_t most, entry_fn *each, void *arg, struct err *err)
{
	const struct dn_list *bases = &call->settings->user_bases;

	for (size_t i = 0; i < bases->n; i++)
		if (!call_search(call, bases->dn[i], LDAP_SCOPE_SUBTREE, filter, call->settings->asked, most, each, arg, err))
			return err_at(err, "directory: people under %.80s", bases->dn[i]);
	return true;
}

/* The directory is asked who of them is there; one that shows nobody at all is not believed. */
static bool
find_people(struct call *call, struct checking *c, struct err *err)
{
	const char *filter = ids_filter(c->ctx, c->ids, c->n);
	size_t others = 0;

	do {
		if (!call_connect_ours(call, err))
			return false;
		if (search_people(call, filter, DIRECTORY_PAGE, take_checked, c, err))
			break;
		if (!call_drop(call))
			return false;
	} while (true);
	if (c->found)
		return true;
	return search_people(call, "(|(objectGUID=*)(entryUUID=*))", 1, count_one, &others, err) &&
	       (others || err_code(err, ERR_UPSTREAM, "directory_blind", "the directory shows our account nobody at all under "
				   "ldap.user_bases"));
}

static struct directory_person *
unknown(TALLOC_CTX *ctx, const char *external_id, const char *why)
{
	struct directory_person *p = mem_new(ctx, struct directory_person);

	p->external_id = mem_text(p, external_id);
	p->unknown = why;
	return p;
}

/* Who is disabled is out, whatever groups they are in.  false: with the connection it is over for this page. */
static bool
judge(struct call *call, struct checking *c, size_t i)
{
	struct directory_person *p = c->people[i];
	struct err why;

	if (!p) {
		c->people[i] = c->unread ? unknown(c->ctx, c->ids[i], c->unread) : NULL;
		return true;
	}
	if (p->disabled || p->unknown)
		return true;
	if (call_groups(c->ctx, call, p, &why)) {
		call_judge(call, p);
		return true;
	}
	p->unknown = mem_text(p, why.cause);
	return !call->conn->broken;
}

bool
directory_check(TALLOC_CTX *ctx, struct directory *d, const char *const *ids, size_t *n,
		struct directory_person **ret, struct err *err)
{
	struct checking c = { .ctx = ctx, .ids = ids, .people = ret, .n = *n };
	struct call call;
	size_t done = 0;
	bool ok;

	if (!directory_can_look(d))
		return err_set(err, ERR_UPSTREAM, "ldap.bind_dn is empty: nobody can be looked up");
	for (size_t i = 0; i < *n; i++)
		ret[i] = NULL;
	call_begin(&call, d, 0);
	c.attributes = call.settings->attributes;
	ok = find_people(&call, &c, err);
	while (ok && done < *n && judge(&call, &c, done++))
		;
	call_end(&call);
	if (ok)
		*n = done;
	return ok;
}
