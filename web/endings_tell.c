/*
 * The notices of what ends: once a day, and at start for what was slept through.
 *
 * Who is owed what is asked anew each time (catalog/ending.c), so a sweep that died, or that ran twice, changes
 * nothing.  Without a mail server nobody is told and nothing is written: it is owed until there is one.
 */
#include "catalog/ending_reader.h"
#include "catalog/message.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "web/ending_sources.h"
#include "web/endings_owned.h"
#include "web/mail_page.h"
#include "web/outbox.h"
#include "web/page.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <stdlib.h>
#include <string.h>

#define LOOKED_AHEAD_S	((ENDING_DAYS + 9) * DAY_S)	/* also the end of a week that begins within that time */
#define NAMED_MAX	120	/* bytes of a title where many stand in one mail */
#define TOLD_MAX	12	/* of one mail with all their words ... */
#define LINES_MAX	60	/* ... a line each ... and of the rest the number */
#define DEVICES_NAMED	10	/* of one ending; where there is one more, it too */
#define DEVICE_NAME_MAX	60	/* bytes; of its person the same */

#define OWNED_PAST_S	((ENDING_LATE + 7) * DAY_S)	/* whose week may still be told of */

struct sweep {
	struct site *site;
	const struct ending_source *sources;
	struct endings *all;	/* but for what people own: of that the weeks that no mail can tell its owners */
	time_t now;
	json_t *devices;	/* of endings, by kind, subject and end; asked for once, whoever is told */
};

/* What one person is owed. */
struct owed {
	const struct ending **endings;
	struct ending_key *keys;
	int *days;
	size_t n;
};

/* ---- words ---- */

struct voice {
	struct site *site;
	const struct person *reader;
	const char *language;
	time_t now;
	json_t *devices;	/* of the sweep */
	size_t told, lines;	/* of one mail with all their words; more are a line each; of the rest the number */
};

/* A person or device as somebody named it, in one line. */
static const char *
named(TALLOC_CTX *ctx, const char *name)
{
	char *line = text_cut(ctx, name, DEVICE_NAME_MAX);

	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	return line;
}

/* The first of its devices, or NULL.  Without them a mail is as good. */
static const json_t *
devices_of(const struct voice *v, const struct ending *e)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *key = mem_printf(ctx, "%s %s %lld", e->source->kind, e->subject, (long long)e->ends);
	json_t *list = json_object_get(v->devices, key);
	struct err err = { 0 };

	if (!ending_names_devices(e, v->reader))
		return NULL;
	if (!list && !e->source->whose(v->site, e, DEVICES_NAMED + 1, &list, &err)) {
		log_err("the devices of what ends are not named", &err);
		return NULL;
	}
	if (!json_object_get(v->devices, key))
		json_object_set_new(v->devices, key, list);
	return list;
}

/* "\nMia Berger (iPad), iPhone 7 and 28 more", or "". */
static const char *
devices_line(TALLOC_CTX *ctx, const struct voice *v, const struct ending *e)
{
	const json_t *list = devices_of(v, e), *d;
	const char *names = "";
	json_t *values;
	size_t i, n = json_array_size(list);

	if (!n)
		return "";
	n = e->devices <= (int64_t)n ? n : n < DEVICES_NAMED ? n : DEVICES_NAMED;
	json_array_foreach(list, i, d) {
		const char *person = text_of(d, "person"), *device = named(ctx, text_of(d, "device"));

		if (i == n)
			break;
		names = mem_printf(ctx, *person ? "%s%s%s (%s)" : "%s%s%s%s", names, i ? ", " : "", named(ctx, person), device);
	}
	if (e->devices <= (int64_t)n)
		return mem_printf(ctx, "\n%s", names);
	values = json_pack("{s:s, s:I}", "names", names, "count", (json_int_t)(e->devices - (int64_t)n));
	names = page_say(ctx, v->site->pages, v->language, "say_mail_endings_devices", values);
	json_decref(values);
	return mem_printf(ctx, "\n%s", names);
}

static const char *
paragraph(TALLOC_CTX *ctx, const struct voice *v, const struct ending *e, bool title)
{
	const char *touches = ending_touches(ctx, v->site, v->language, e);
	const char *page = ending_href(ctx, e, v->reader), *href = page ? mem_printf(ctx, "\n%s%s", v->site->base_url, page) : "";

	return mem_printf(ctx, "%s%s%s%s%s\n%s\n%s%s", title ? ending_title(ctx, v->site, v->language, e, v->now) : "",
			  title ? "\n" : "", ending_left(ctx, v->site, v->language, e, v->now),
			  *touches ? mem_printf(ctx, " · %s", touches) : "", devices_line(ctx, v, e), ending_word(ctx, v->site, v->language, e, "_why"),
			  ending_doing(ctx, v->site, v->language, e, v->now), href);
}

/* Those that have no paragraph of their own: a line each, and how many have none. */
static const char *
lines_of(TALLOC_CTX *ctx, const struct voice *v, const struct owed *owed, json_t *values)
{
	size_t last = owed->n < v->told + v->lines ? owed->n : v->told + v->lines;
	struct buf text;

	buf_init(&text, ctx, MESSAGE_TEXT_MAX);
	buf_text(&text, page_say(ctx, v->site->pages, v->language, "say_mail_endings_besides", values));
	for (size_t i = v->told; i < last; i++)
		buf_addf(&text, "\n%s", text_cut(ctx, ending_title(ctx, v->site, v->language, owed->endings[i], v->now), NAMED_MAX));
	if (last < owed->n) {
		json_object_set_new(values, "count", json_integer((json_int_t)(owed->n - last)));
		buf_addf(&text, "\n%s", page_say(ctx, v->site->pages, v->language, "say_mail_endings_rest", values));
	}
	return mem_text(ctx, buf_str(&text));
}

static bool
write_mail(TALLOC_CTX *ctx, const struct voice *v, const struct ending_reader *reader, const struct owed *owed,
	   struct message_mail *mail, struct err *err)
{
	const char *account = mem_printf(ctx, "%s/account", v->site->base_url), *paragraphs[MAIL_PARAGRAPHS_MAX + 1] = { NULL };
	json_t *values = json_pack("{s:s, s:s, s:I}", "company", site_name(v->site), "url", account, "count", (json_int_t)owed->n);
	size_t n = 0;
	struct mail_notice notice = { .language = v->language, .paragraphs = paragraphs };
	char *html, *text;
	bool ok;

#define SAY(key) page_say(ctx, v->site->pages, v->language, key, values)
	notice.title = owed->n == 1 ? ending_title(ctx, v->site, v->language, owed->endings[0], v->now) : SAY("say_mail_endings");
	notice.title = text_cut(ctx, notice.title, MESSAGE_SUBJECT_MAX);
	notice.button = SAY("say_mail_endings_open");
	notice.footer = SAY("say_mail_endings_why");
	notice.url = reader->person->role >= ROLE_PUBLISHER ? mem_printf(ctx, "%s/admin/expiry", v->site->base_url) : account;
#undef SAY
	for (size_t i = 0; i < owed->n && i < v->told; i++)
		paragraphs[n++] = paragraph(ctx, v, owed->endings[i], owed->n > 1);
	if (owed->n > v->told)
		paragraphs[n++] = lines_of(ctx, v, owed, values);
	json_decref(values);
	ok = mail_page(ctx, v->site, &notice, &html, &text, err);
	if (ok)
		*mail = (struct message_mail){ .to = reader->email, .subject = notice.title, .text = text, .html = html,
					       .about = "endings" };
	return ok;
}

/* Long names, or a language of long letters: then fewer of them are told at length. */
static bool
write_fitting(TALLOC_CTX *ctx, struct voice *v, const struct ending_reader *reader, const struct owed *owed,
	      struct message_mail *mail, struct err *err)
{
	while (!write_mail(ctx, v, reader, owed, mail, err)) {
		if (err->kind != ERR_LIMIT || (!v->told && !v->lines))
			return false;
		v->told /= 2;
		v->lines /= 2;
		*err = (struct err){ 0 };
	}
	return true;
}

/* ---- one person ---- */

/* Those of a list that may be due. */
static void
may_owe(const struct sweep *s, const struct endings *list, const struct person *person, struct owed *o)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct ending *e = &list->list[i];

		if (ending_tells(e, person) && ending_notice_at(s->now, e->begins, e->ends))
			o->endings[o->n++] = e;
	}
}

static int
by_end(const void *a_, const void *b_)
{
	const struct ending *const *a = a_, *const *b = b_;

	return (*a)->ends < (*b)->ends ? -1 : (*a)->ends > (*b)->ends;
}

/* mine: what is their own. */
static bool
owed_to(TALLOC_CTX *ctx, const struct sweep *s, const struct person *person, const struct endings *mine, struct owed *ret,
	struct err *err)
{
	size_t most = s->all->n + mine->n + 1, n = 0;
	struct owed o = { mem_array(ctx, const struct ending *, most), mem_array(ctx, struct ending_key, most), mem_array(ctx, int, most), 0 };

	may_owe(s, s->all, person, &o);
	may_owe(s, mine, person, &o);
	if (o.n)
		qsort(o.endings, o.n, sizeof(const struct ending *), by_end);
	for (size_t i = 0; i < o.n; i++)
		o.keys[i] = (struct ending_key){ o.endings[i]->source->kind, o.endings[i]->subject, o.endings[i]->begins, o.endings[i]->ends };
	if (o.n && !ending_owed(s->site->db, person->id, o.keys, o.n, o.days, err))
		return false;
	for (size_t i = 0; i < o.n; i++)
		if (o.days[i]) {
			o.endings[n] = o.endings[i];
			o.keys[n] = o.keys[i];
			o.days[n++] = o.days[i];
		}
	o.n = n;
	*ret = o;
	return true;
}

static bool
tell(const struct sweep *s, const struct ending_reader *reader, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct conf *conf = site_conf(s->site);
	struct voice voice = { s->site, reader->person, pages_language(*reader->language ? reader->language : conf->company_language), s->now,
			       s->devices, TOLD_MAX, LINES_MAX };
	struct endings *mine = mem_new(ctx, struct endings);
	struct message_mail mail;
	struct owed owed;
	bool today;

	if (!reader->mails || !*reader->email)
		return true;
	if (!ending_told_today(s->site->db, reader->person->id, &today, err))
		return false;
	if (today)
		return true;
	owned_by(s->site, s->sources, reader->person->id, s->now + LOOKED_AHEAD_S, mine);
	if (!owed_to(ctx, s, reader->person, mine, &owed, err))
		return false;
	return !owed.n || (write_fitting(ctx, &voice, reader, &owed, &mail, err) &&
			   ending_tell(s->site->db, &(struct ending_letter){ reader->person->id, owed.keys, owed.days, owed.n,
									     &mail }, err));
}

/* ---- everybody ---- */

/* One person's trouble keeps no other waiting; the database's brings the job again. */
static bool
told(const struct sweep *s, const struct ending_reader *reader, struct err *err)
{
	struct err why = { 0 };

	if (tell(s, reader, &why))
		return true;
	err_at(&why, "tell %s what ends", reader->person->name);
	if (why.kind == ERR_INTERNAL)
		return *err = why, false;
	log_err("somebody is not told what ends", &why);
	return true;
}

/* ---- who owns something, however many they are ---- */

static bool
hears(const struct ending_reader *reader)
{
	return reader->mails && *reader->email;
}

/* What no mail can tell its owner is for admins, by the week. */
static void
add_unheard(const struct sweep *s, const char *person_id, struct owned_weeks *const *weeks)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct endings *mine = mem_new(ctx, struct endings);
	size_t k = 0;

	owned_by(s->site, s->sources, person_id, s->now + LOOKED_AHEAD_S, mine);
	for (const struct ending_source *source = s->sources; source->kind; source++) {
		if (source->whom != ENDING_FOR_OWNER)
			continue;
		for (size_t i = 0; i < mine->n; i++)
			if (mine->list[i].source == source && mine->list[i].ends >= s->now - OWNED_PAST_S && !mine->list[i].quiet)
				owned_weeks_add(weeks[k], &mine->list[i]);
		k++;
	}
}

/* Members are told; who looks after things comes later, when it is known what else they hear of. */
static bool
tell_owner(const struct sweep *s, const char *person_id, struct owned_weeks *const *weeks, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct ending_reader reader = { .email = "" };	/* who is disabled or gone has no address */
	struct err why = { 0 };

	if (!ending_reader(ctx, s->site->db, person_id, &reader, &why) && why.kind != ERR_MISSING)
		return *err = why, false;
	if (!hears(&reader))
		return add_unheard(s, person_id, weeks), true;
	return reader.person->role >= ROLE_PUBLISHER || told(s, &reader, err);
}

static bool
tell_owners(const struct sweep *s, const struct owners *owners, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct owned_weeks **weeks = NULL;
	size_t n = 0;
	bool ok = true;

	for (const struct ending_source *source = s->sources; source->kind; source++)
		if (source->whom == ENDING_FOR_OWNER) {
			weeks = mem_grow(ctx, weeks, struct owned_weeks *, n + 1);
			weeks[n++] = owned_weeks_new(ctx, source);
		}
	for (size_t i = 0; i < owners->n; i++)
		ok = tell_owner(s, owners->ids[i], weeks, err) && ok;
	for (size_t i = 0; i < n; i++)
		if (!owned_weeks_list(weeks[i], OWNED_TOLD, s->all))
			return err_set(err, ERR_LIMIT, "more than %d things end", ENDINGS_MAX);
	return ok;
}

/* Whoever looks after things. */
static bool
tell_readers(const struct sweep *s, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct ending_reader *readers;
	bool ok = true;
	size_t n;

	if (!ending_readers(ctx, s->site->db, &readers, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		ok = told(s, &readers[i], err) && ok;
	return ok;
}

bool
endings_sweep(struct site *site, const struct ending_source *sources, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct sweep s = { .site = site, .sources = sources ? sources : ending_sources, .now = clock_now() };
	struct owners owners;
	bool ok;

	if (!*site_conf(site)->smtp_url || !*site_conf(site)->smtp_from)
		return true;
	if (!endings_list_house(ctx, site, s.sources, s.now + LOOKED_AHEAD_S, &s.all, err))
		return false;
	owners_of(ctx, site, s.sources, s.now - OWNED_PAST_S, s.now + LOOKED_AHEAD_S, s.all, &owners);
	for (size_t i = 0; i < s.all->failed_n; i++)
		log_error("it is not known when something ends", KV("kind", s.all->failed[i]), KV("why", s.all->why[i]));
	s.devices = json_object();
	ok = tell_owners(&s, &owners, err);
	ok = tell_readers(&s, err) && ok;
	json_decref(s.devices);
	if (site->outbox)
		outbox_wake(site);
	return ok && ending_sweep(site->db, err);
}

/* ---- the job ---- */

struct next {
	time_t due, look;	/* look: 0: not before */
};

static bool
tx_next(struct db *tx, void *arg, struct err *err)
{
	const struct next *next = arg;

	return job_add(tx, ENDINGS_JOB, json_object(), next->due, ENDINGS_JOB, err) &&
	       (!next->look || job_add(tx, ENDINGS_LOOK_JOB, json_object(), next->look, ENDINGS_LOOK_JOB, err));
}

static bool
tx_look(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return job_add(tx, ENDINGS_LOOK_JOB, json_object(), clock_now() + HOUR_S, ENDINGS_LOOK_JOB, err);
}

static time_t
next_hour(const struct conf *conf)
{
	time_t now = clock_now(), at = now - now % DAY_S + conf->expiry_hour * HOUR_S;

	return at > now ? at : at + DAY_S;
}

bool
job_endings(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	struct next next = { next_hour(site_conf(site)), 0 };
	struct err why = { 0 };

	(void)job;
	(void)ctx;
	if (!ending_ask_directory(site, &why))
		log_err("the directory does not say when our password there ends", &why);
	if (!signing_keep(site, &why))
		log_err("what signs mobileconfigs is not renewed", &why);
	why = (struct err){ 0 };
	if (!ending_look_in_front(site, &why)) {
		log_err("it is not seen which certificate phones are shown", &why);
		next.look = clock_now() + HOUR_S;	/* what stands in front may begin after us */
	}
	if (!endings_sweep(site, NULL, err))
		return false;
	endings_forget(site);
	return db_tx(site->db, tx_next, &next, err);
}

/* Why it is not seen was logged by the job of the day, and stands on its page. */
bool
job_endings_look(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	struct err why = { 0 };
	bool seen = ending_look_in_front(site, &why);

	(void)job;
	(void)ctx;
	endings_forget(site);
	return seen || db_tx(site->db, tx_look, NULL, err);
}

bool
endings_begin(struct site *site, struct err *err)
{
	return db_tx(site->db, tx_next, &(struct next){ 0 }, err);
}
