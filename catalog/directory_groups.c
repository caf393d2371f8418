/*
 * The groups of a person, and the groups those are in.
 *
 * Active Directory walks them itself (matching rule 1941).  Elsewhere we do, breadth first: to a depth
 * and a number, and each group once, so that a circle ends.  Which groups a group is in is remembered
 * for a minute: the hourly check of a thousand people asks it once.
 */
#include "catalog/directory_inner.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/text.h"
#include <string.h>

#define FILTER_MAX	(32u << 10)
#define BUCKETS		512

struct parent {
	struct parent *next;
	const char *folded;
	int64_t at_ms;
	struct group_of_directory *groups;
	size_t n;
};

struct parents {
	struct parent *buckets[BUCKETS];
	size_t n;
};

static const char *const attributes[] = { "cn", "objectGUID", "entryUUID", NULL };

/* Groups as they are found: each once. */
struct finding {
	TALLOC_CTX *ctx;
	struct group_of_directory *groups;
	const char **folded;
	size_t n;
	bool cut;
};

static bool
has(const struct finding *f, const char *folded)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->folded[i], folded) == 0)
			return true;
	return false;
}

static void
copy(TALLOC_CTX *ctx, const struct group_of_directory *from, struct group_of_directory *to)
{
	*to = (struct group_of_directory){ mem_text(ctx, from->name), mem_text(ctx, from->dn),
					   from->external_id ? mem_text(ctx, from->external_id) : NULL };
}

static void
add(struct finding *f, const struct group_of_directory *group)
{
	const char *folded = directory_dn_fold(f->ctx, group->dn);

	if (has(f, folded))
		return;
	if (f->n == GROUPS_OF_ONE_MAX) {
		f->cut = true;
		return;
	}
	f->groups = mem_grow(f->ctx, f->groups, struct group_of_directory, f->n + 1);
	f->folded = mem_grow(f->ctx, f->folded, const char *, f->n + 1);
	copy(f->ctx, group, &f->groups[f->n]);
	f->folded[f->n++] = folded;
}

/* "Testers" of "CN=Testers,OU=Groups,DC=example,DC=com", for a group without a cn to be read. */
static char *
name_of(TALLOC_CTX *ctx, const char *dn)
{
	const char *from = strchr(dn, '=');
	size_t len = 0;

	for (from = from ? from + 1 : dn; from[len] && from[len] != ','; len++)
		if (from[len] == '\\' && from[len + 1])
			len++;
	return text_cut(ctx, mem_textn(ctx, from, len), GROUP_NAME_MAX);
}

static bool
take(LDAP *ld, LDAPMessage *entry, void *arg, struct err *err)
{
	struct finding *f = arg;
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct group_of_directory group = { .dn = entry_dn(scratch, ld, entry) };

	(void)err;
	if (!group.dn)
		return true;
	group.name = entry_text(scratch, ld, entry, "cn", GROUP_NAME_MAX);
	if (!group.name || !*group.name)
		group.name = name_of(scratch, group.dn);
	group.external_id = entry_id(scratch, ld, entry);
	add(f, &group);
	return true;
}

static bool
search(struct call *call, const char *filter, struct finding *f, struct err *err)
{
	const struct dn_list *bases = &call->settings->group_bases;

	for (size_t i = 0; i < bases->n; i++)
		if (!call_search(call, bases->dn[i], LDAP_SCOPE_SUBTREE, filter, attributes, GROUPS_OF_ONE_MAX, take, f, err))
			return err_at(err, "groups under %.80s", bases->dn[i]);
	return true;
}

/* ---- which groups a group is in ---- */

static struct parent **
bucket(struct parents *parents, const char *folded)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	for (const char *c = folded; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return &parents->buckets[hash % BUCKETS];
}

static bool
remembered(struct directory *d, const char *folded, struct finding *f)
{
	bool found = false;

	pthread_mutex_lock(&d->lock);
	for (struct parent *p = *bucket(d->parents, folded); p && !found; p = p->next) {
		found = strcmp(p->folded, folded) == 0 && clock_ms() - p->at_ms < DIRECTORY_PARENTS_MS;
		for (size_t i = 0; found && i < p->n; i++)
			add(f, &p->groups[i]);
	}
	pthread_mutex_unlock(&d->lock);
	return found;
}

static void
forget(struct directory *d)
{
	talloc_free(d->parents);
	d->parents = mem_new(d, struct parents);
}

void
directory_forget_groups(struct directory *d)
{
	pthread_mutex_lock(&d->lock);
	forget(d);
	pthread_mutex_unlock(&d->lock);
}

static void
remember(struct call *call, const char *folded, const struct finding *f)
{
	struct directory *d = call->directory;
	struct parent **at, *p;

	pthread_mutex_lock(&d->lock);
	if (call->settings == atomic_load(&d->settings)) {
		if (d->parents->n >= DIRECTORY_PARENTS_MAX)
			forget(d);
		at = bucket(d->parents, folded);
		p = mem_new(d->parents, struct parent);
		p->folded = mem_text(p, folded);
		p->at_ms = clock_ms();
		p->n = f->n;
		p->groups = mem_array(p, struct group_of_directory, f->n);
		for (size_t i = 0; i < f->n; i++)
			copy(p, &f->groups[i], &p->groups[i]);
		p->next = *at;	/* in front of an older one of the same name */
		*at = p;
		d->parents->n++;
	}
	pthread_mutex_unlock(&d->lock);
}

static char *
filter_of(TALLOC_CTX *ctx, const char *dn, const char *uid)
{
	struct buf buf;

	buf_init(&buf, ctx, FILTER_MAX);
	buf_text(&buf, "(|(member=");
	directory_filter_value(&buf, dn);
	buf_text(&buf, ")(uniqueMember=");
	directory_filter_value(&buf, dn);
	if (uid) {
		buf_text(&buf, ")(memberUid=");
		directory_filter_value(&buf, uid);
	}
	buf_text(&buf, "))");
	return mem_text(ctx, buf_str(&buf));
}

static bool
add_parents(struct call *call, const char *dn, const char *folded, struct finding *all, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct finding f = { .ctx = scratch };

	if (remembered(call->directory, folded, all))
		return true;
	if (!search(call, filter_of(scratch, dn, NULL), &f, err))
		return false;
	remember(call, folded, &f);
	for (size_t i = 0; i < f.n; i++)
		add(all, &f.groups[i]);
	return true;
}

static bool
walk(struct call *call, struct finding *f, struct err *err)
{
	size_t from = 0;

	for (int depth = 1; depth < DIRECTORY_DEPTH_MAX && from < f->n && !f->cut; depth++)
		for (size_t to = f->n; from < to; from++) {
			/* adding moves the array, not the texts */
			const char *dn = f->groups[from].dn, *folded = f->folded[from];

			if (!add_parents(call, dn, folded, f, err))
				return false;
		}
	return true;
}

/* Active Directory: the groups, and those that they are in, by one search. */
static char *
filter_of_ad(TALLOC_CTX *ctx, const char *dn)
{
	struct buf buf;

	buf_init(&buf, ctx, FILTER_MAX);
	buf_text(&buf, "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:=");
	directory_filter_value(&buf, dn);
	buf_text(&buf, "))");
	return mem_text(ctx, buf_str(&buf));
}

bool
call_groups(TALLOC_CTX *ctx, struct call *call, struct directory_person *person, struct err *err)
{
	enum directory_nested nested = call->settings->nested;
	struct finding f = { .ctx = ctx };
	bool ad = false, ok;

	if (nested == NESTED_AUTO && !call_is_ad(call, &ad, err))
		return false;
	if (ad || nested == NESTED_AD)
		ok = search(call, filter_of_ad(ctx, person->dn), &f, err);
	else
		ok = search(call, filter_of(ctx, person->dn, person->name), &f, err) &&
		     (nested == NESTED_OFF || walk(call, &f, err));
	person->groups = f.groups;
	person->groups_n = f.n;
	person->groups_cut = f.cut;
	return ok;
}
