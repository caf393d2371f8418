/* pomona expiry [--days N] [--json] */
#include "catalog/ending.h"
#include "cli/command.h"
#include "core/clock.h"
#include "core/num.h"
#include "web/endings.h"
#include <string.h>

#define DAYS_MAX	(40 * 366)

struct opts {
	struct cli_call call;
	const char *days;
	bool json;
};

static const struct cli_option options[] = {
	{ "days", 'd', "N", "Only what ends within so many days, and what is over", offsetof(struct opts, days) },
	{ "json", 'j', NULL, "Print JSON", offsetof(struct opts, json) },
	{ 0 }
};

static void
print_json(const struct endings *all, time_t now)
{
	json_t *items = json_array(), *unknown = json_array(), *data;
	int64_t attention = 0;

	for (size_t i = 0; i < all->n; i++) {
		attention += ending_needs(&all->list[i], now);
		json_array_append_new(items, ending_json(&all->list[i], now));
	}
	for (size_t i = 0; i < all->failed_n; i++)
		json_array_append_new(unknown, json_string(all->failed[i]));
	data = json_pack("{s:o, s:n, s:I, s:o}", "items", items, "next", "attention", (json_int_t)attention, "unknown", unknown);
	cli_print(data);
	json_decref(data);
}

/* A line each: when, how long, how urgent, what. */
static void
print_lines(TALLOC_CTX *ctx, struct site *site, const struct endings *all, time_t now)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct ending *e = &all->list[i];
		const char *touches = ending_touches(ctx, site, "en", e);
		char day[11];

		printf("%s  %5lld days  %-8s %s%s%s%s%s\n", clock_day(e->ends, day), (long long)ending_days_left(now, e->ends),
		       ending_level(e, now), ending_word(ctx, site, "en", e, ""), e->name ? " " : "", e->name ? e->name : "",
		       *touches ? "  " : "", touches);
	}
}

int
cmd_expiry(int argc, char **argv)
{
	static const struct cli_command expiry = {
		.args = "",
		.doc = "Prints what ends, who ends first: certificates, provisions, tokens.  "
		       "A certificate that only the command line of `pomona serve` names is not known here.",
		.options = { options },
	};
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	int64_t days = DAYS_MAX;
	struct endings *all;
	struct conf *conf;
	struct site *site;
	struct db *db;
	time_t now;

	cli_parse(&expiry, &o.call, argc, argv);
	ctx = talloc_new(NULL);
	if ((o.days && !num_parse(o.days, 0, DAYS_MAX, &days, &err)) || !cli_db(ctx, &o.call.place, &conf, &db, &err) ||
	    !site_for_command(ctx, conf, db, &site, &err))
		return cli_fail(&err);
	now = clock_now();
	if (!endings_list(ctx, site, NULL, now - now % DAY_S + (days + 1) * DAY_S, &all, &err))
		return cli_fail(&err);
	if (o.json)
		print_json(all, now);
	else
		print_lines(ctx, site, all, now);
	for (size_t i = 0; i < all->failed_n; i++)
		fprintf(stderr, "pomona: not known: %s: %s\n", all->failed[i], all->why[i]);
	return EXIT_OK;
}
