/*
 * What is said in the reader's language: which one, dates, sizes, and the pieces of a page that are
 * made of words (a refusal, a verdict, the steps of an install).
 */
#include <string.h>
#include <strings.h>
#include "core/clock.h"
#include "core/num.h"
#include "web/page.h"

#define ACCEPT_RANGES_MAX 32

/* ---- which language ---- */

/* Does the range ("de-CH", "zh", "*") ask for this language of ours? */
static bool
range_fits(const char *range, size_t len, const char *language)
{
	size_t primary = strcspn(language, "-"), asked = 0;

	while (asked < len && range[asked] != '-')
		asked++;
	return asked == primary && strncasecmp(range, language, primary) == 0;
}

/* ";q=0.8" as thousands; 1000 when not said, 0 when it cannot be read. */
static int
range_weight(const char *p, const char *to)
{
	const char *q = memmem(p, (size_t)(to - p), "q=", 2);
	int weight = 0, digit = 100;

	if (!q)
		return 1000;
	q += 2;
	if (q < to && *q == '1')
		return 1000;
	if (q < to && *q == '0')
		q++;
	if (q < to && *q == '.')
		for (q++; q < to && *q >= '0' && *q <= '9' && digit; q++, digit /= 10)
			weight += (*q - '0') * digit;
	return weight;
}

const char *
pages_language(const char *accept_language)
{
	const char *best = page_languages[0], *p = accept_language ? accept_language : "";
	const char *to = p + strnlen(p, PAGE_ACCEPT_MAX);
	int best_weight = 0;

	for (int n = 0; p < to && n < ACCEPT_RANGES_MAX; n++) {
		const char *end = memchr(p, ',', (size_t)(to - p)), *range;
		size_t len = 0;
		int weight;

		end = end ? end : to;
		for (range = p; range < end && (*range == ' ' || *range == '\t'); range++)
			;
		while (range + len < end && !strchr(" \t;", range[len]))
			len++;
		weight = range_weight(range + len, end);
		for (size_t i = 0; page_languages[i]; i++)
			if (weight > best_weight && range_fits(range, len, page_languages[i])) {
				best = page_languages[i];
				best_weight = weight;
			}
		p = end < to ? end + 1 : to;
	}
	return best;
}

/* ---- dates and sizes ---- */
static const struct form {
	const char *language;
	const char *after_day, *after_month;
	const char *months[12];
} forms[] = {	/* the rest write 2026年11月22日 */
	{ "en", " ", " ", { "January", "February", "March", "April", "May", "June", "July", "August",
			    "September", "October", "November", "December" } },
	{ "de", ". ", " ", { "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August",
			     "September", "Oktober", "November", "Dezember" } },
	{ "fr", " ", " ", { "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
			    "septembre", "octobre", "novembre", "décembre" } },
	{ "es", " de ", " de ", { "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto",
				  "septiembre", "octubre", "noviembre", "diciembre" } },
};

static void
date_text(const char *language, const struct tm *tm, char *text, size_t size)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		const struct form *form = &forms[i];

		if (strcmp(form->language, language) != 0)
			continue;
		/* The French first of the month is "1er"; the other days are plain numbers. */
		snprintf(text, size, "%d%s%s%s%s%d", tm->tm_mday,
			 tm->tm_mday == 1 && strcmp(language, "fr") == 0 ? "er" : "", form->after_day,
			 form->months[tm->tm_mon], form->after_month, tm->tm_year + 1900);
		return;
	}
	snprintf(text, size, "%d年%d月%d日", tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday);
}

static json_t *
pair(const char *language, time_t at, bool minute)
{
	struct tm tm = { .tm_mday = 1 };
	char date[64], text[80], iso[CLOCK_ISO_SIZE];

	gmtime_r(&at, &tm);
	date_text(language, &tm, date, sizeof date);
	if (minute)
		snprintf(text, sizeof text, "%s%s %02d:%02d UTC", date,
			 strcmp(language, "ja") == 0 || strncmp(language, "zh", 2) == 0 ? "" : ",",
			 tm.tm_hour, tm.tm_min);
	return json_pack("{s:s, s:s}", "iso", minute ? clock_iso(at, iso) : clock_day(at, iso), "text",
			 minute ? text : date);
}

json_t *
page_date(const char *language, time_t at)
{
	return pair(language ? language : "en", at, false);
}

json_t *
page_moment(const char *language, time_t at)
{
	return pair(language ? language : "en", at, true);
}

/* From num_size's "1.2 GB": the comma, the French octet, and no line break before the unit. */
char *
page_size(TALLOC_CTX *ctx, const char *language, int64_t bytes)
{
	static const struct {
		const char *language, *bytes;
		bool comma, octet;
	} units[] = { { "de", "Byte", true, false },  { "fr", "octets", true, true },
		      { "es", "bytes", true, false }, { "ja", "バイト", false, false },
		      { "zh-Hans", "字节", false, false } };
	char *size = num_size(ctx, bytes), *unit = strchr(size, ' ');
	const char *say = unit ? unit + 1 : "";
	bool octet = false;
	char *text;

	if (!unit)
		return size;
	*unit = '\0';
	for (size_t i = 0; language && i < sizeof units / sizeof *units; i++)
		if (strcmp(units[i].language, language) == 0) {
			if (strcmp(say, "bytes") == 0)
				say = units[i].bytes;
			else
				octet = units[i].octet;
			if (units[i].comma && strchr(size, '.'))
				*strchr(size, '.') = ',';
			break;
		}
	/* French writes ko, Mo, Go. */
	text = octet ? mem_printf(ctx, "%s\u00a0%co", size, *say == 'K' ? 'k' : *say)
		     : mem_printf(ctx, "%s\u00a0%s", size, say);
	talloc_free(size);
	return text;
}

/* ---- sentences ---- */
char *
page_say(TALLOC_CTX *ctx, struct pages *pages, const char *language, const char *key, json_t *data)
{
	SCOPED(mem) void *own = talloc_named_const(NULL, 0, "say");
	const char *words = pages_word(pages, language, key);
	const json_t *const frames[] = { data };
	const struct template_view view = { .frames = frames, .frames_n = 1, .plain = true,
					    .strict = page_strict };
	struct template *template;
	struct err err = { 0 };
	struct buf out;

	buf_init(&out, own, TEMPLATE_TEXT_MAX);
	if (!words || !template_compile(own, key, (struct bytes){ words, strlen(words) }, &template, &err) ||
	    !template_render(template, &view, &out, &err))
		return mem_text(ctx, key);	/* better a strange word than none; tests render each */
	return mem_text(ctx, buf_str(&out));
}

/* A word that is there, or JSON null. */
static json_t *
word_or_null(struct pages *pages, const char *language, const char *key)
{
	const char *words = pages_word(pages, language, key);

	return words ? json_string(words) : json_null();
}

json_t *
page_problem(struct pages *pages, const char *language, const struct err *err, const char *request_id)
{
	/* The text of these is the sender's business (core/err.h); the others' goes to the log alone. */
	bool told = err->kind == ERR_INVALID || err->kind == ERR_MALFORMED || err->kind == ERR_CONFLICT ||
		    err->kind == ERR_LIMIT || err->kind == ERR_PRECONDITION || err->kind == ERR_MEDIA ||
		    err->kind == ERR_LOCKED || err->kind == ERR_CHECKSUM;
	int status = err_http_status(err->kind);
	json_t *problem = json_pack("{s:i, s:s, s:s, s:b}", "status", status, "code", err->code, "request_id",
				    request_id, "sign_in", err->kind == ERR_SIGN_IN);
	static const char *const names[] = { "title", "text", "next" };
	char key[64], text[sizeof err->path + sizeof err->cause + 4];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(key, sizeof key, "error_%d_%s", status, names[i]);
		json_object_set_new(problem, names[i], word_or_null(pages, language, key));
	}
	if (!json_is_string(json_object_get(problem, "title")))
		json_object_set_new(problem, "title", json_string(err_http_title(err->kind)));
	json_object_set_new(problem, "detail", told ? json_string(err_text(err, text, sizeof text)) : json_null());
	return problem;
}

json_t *
page_reasons(struct pages *pages, const char *language, const json_t *reasons)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < json_array_size(reasons); i++) {
		const json_t *reason = json_array_get(reasons, i);
		const char *code = json_string_value(json_object_get(reason, "code"));
		const char *level = json_string_value(json_object_get(reason, "level"));
		const char *text = json_string_value(json_object_get(reason, "text"));
		char key[64];
		const char *title;

		snprintf(key, sizeof key, "reason_%s", code ? code : "");
		title = pages_word(pages, language, key);
		json_array_append_new(ret, json_pack("{s:s, s:s, s:s, s:s?}", "code", code ? code : "",
						     "level", level ? level : "info", "title",
						     title ? title : text ? text : "", "text",
						     title ? text : NULL));
	}
	return ret;
}

/* ---- the steps of an install ---- */
struct seen {
	const json_t *tapped, *asked, *loading, *whole, *installed, *stopped;
};

static struct seen
see(const json_t *events)
{
	struct seen seen = { 0 };

	for (size_t i = 0; i < json_array_size(events); i++) {
		const json_t *event = json_array_get(events, i);
		const char *kind = json_string_value(json_object_get(event, "kind"));

		if (!kind)
			continue;
		if (strcmp(kind, "tapped") == 0)
			seen.tapped = event;
		else if (strcmp(kind, "manifest") == 0)
			seen.asked = event;
		else if (strcmp(kind, "ipa") == 0)
			seen.loading = event;
		else if (strcmp(kind, "whole") == 0)
			seen.whole = event;
		else if (strcmp(kind, "installed") == 0)
			seen.installed = event;
		else if (strcmp(kind, "declined") == 0 || strcmp(kind, "failed") == 0 ||
			 strcmp(kind, "timed_out") == 0)
			seen.stopped = event;
	}
	return seen;
}

static void
add_step(json_t *steps, const char *language, const char *kind, const char *state, const json_t *event)
{
	const char *at = json_string_value(json_object_get(event, "at"));
	const char *detail = json_string_value(json_object_get(event, "detail"));
	json_t *moment = NULL, *percent = NULL;
	struct err err;
	int64_t n = -1;
	time_t time;

	if (at && clock_parse(at, &time, &err))
		moment = page_moment(language, time);
	if (detail && strcmp(kind, "loading") == 0) {
		char digits[4] = "";

		snprintf(digits, sizeof digits, "%.*s", (int)strspn(detail, "0123456789"), detail);
		if (num_parse(digits, 0, 100, &n, &err))
			percent = json_integer(n);
	}
	json_array_append_new(steps, json_pack("{s:s, s:s, s:o, s:o}", "kind", kind, "state", state, "at",
					       moment ? moment : json_null(), "percent",
					       percent ? percent : json_null()));
}

json_t *
page_steps(const char *language, const json_t *events)
{
	struct seen seen = see(events);
	bool whole = seen.whole || seen.installed;
	bool loading = seen.loading || whole, asked = seen.asked || loading, tapped = seen.tapped || asked;
	const char *stopped = seen.stopped ? "fail" : NULL;
	json_t *steps = json_array();

	add_step(steps, language, "tapped", tapped ? "done" : "now", seen.tapped);
	add_step(steps, language, "asked",
		 asked ? "done" : stopped ? stopped : tapped ? "now" : "wait", asked ? seen.asked : seen.stopped);
	add_step(steps, language, "loading",
		 whole ? "done" : asked && stopped ? stopped : asked ? "now" : "wait",
		 whole ? seen.whole : seen.loading);
	add_step(steps, language, "home",
		 seen.installed ? "done" : whole && stopped ? stopped : "wait", seen.installed);
	return steps;
}
