/*
 * pomona enroll invite --user NAME --by sms|mail|link [--to WHERE] [--note TEXT] [--language L] [--another] [--json]
 * pomona enroll link --user NAME [--direct] [--json]
 *
 * An invitation's message is a row that the running server sends.  `link` begins a session that is good for one
 * device and some minutes, and prints where its mobileconfig is: whoever has that needs no sign-in.
 */
#include "catalog/invitation.h"
#include "cli/cli.h"
#include "core/clock.h"
#include "web/enroll_house.h"
#include "web/invitation_send.h"
#include "core/json.h"
#include <string.h>

struct opts {
	struct cli_place place;
	const char *act, *user, *by, *to, *note, *language;
	bool another, direct, json;
};

static const struct argp_option options[] = {
	{ "user", 'u', "NAME", 0, "Whose device it will be", 0 },
	{ "by", 'b', "WAY", 0, "invite: mail, sms, any (mail, else SMS) or link, which is printed and sent to nobody", 0 },
	{ "to", 't', "WHERE", 0, "invite: an address or number instead of the person's own", 0 },
	{ "note", 'n', "TEXT", 0, "invite: what the invited read of you", 0 },
	{ "language", 'l', "LANGUAGE", 0, "invite: en, de, es, fr, ja or zh-Hans instead of the company's", 0 },
	{ "another", 'a', NULL, 0, "invite: although they have a device", 0 },
	{ "direct", 'd', NULL, 0, "link: one mobileconfig without the Profile Service phases (enroll.direct)", 0 },
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ 0 }
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->place;
		break;
	case 'u':	o->user = arg; break;
	case 'b':	o->by = arg; break;
	case 't':	o->to = arg; break;
	case 'n':	o->note = arg; break;
	case 'l':	o->language = arg; break;
	case 'a':	o->another = true; break;
	case 'd':	o->direct = true; break;
	case 'j':	o->json = true; break;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			return ARGP_ERR_UNKNOWN;
		o->act = arg;
		break;
	case ARGP_KEY_END:
		if (!o->act || !o->user || (strcmp(o->act, "link") != 0 && (strcmp(o->act, "invite") != 0 || !o->by)))
			argp_error(state, "say invite --user NAME --by sms|mail, or link --user NAME");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void
print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
}

/* Why somebody was left out, as the console says it. */
static bool
left_out(const char *name, const char *why, struct err *err)
{
	static const struct {
		const char *why, *words;
	} all[] = {
		{ "disabled", "their account is disabled" },
		{ "enrolled", "has a device already; --another invites all the same" },
		{ "invited", "is invited already; send that invitation again, or revoke it first" },
		{ "no_mail", "has no e-mail address; --to names one" },
		{ "no_number", "has no phone number; --to names one" },
		{ "no_way", "has no address or number that this server can send to; --to names one" },
		{ "bad_address", "that is no e-mail address" },
		{ "bad_number", "that number cannot be used: it needs + and the country" },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(why, all[i].why) == 0)
			return err_code(err, ERR_CONFLICT, why, "%s: %s", name, all[i].words);
	return err_set(err, ERR_CONFLICT, "%s: %s", name, why);
}

static bool
invite(TALLOC_CTX *ctx, const struct opts *o, struct site *site, struct err *err)
{
	struct invitation_order order = { .actor = "cli", .persons = &o->user, .persons_n = 1, .way = o->by, .to = o->to,
					  .note = o->note, .language = o->language, .another = o->another, .remind = true };
	const json_t *item, *out;
	json_t *made;
	bool ok = true;

	if (!invitation_make(ctx, site, &order, &made, err))
		return false;
	item = json_array_get(json_object_get(made, "items"), 0);
	out = json_array_get(json_object_get(made, "left_out"), 0);
	if (o->json)
		print_json(made);
	if (!item)
		ok = left_out(text_of(out, "name"), text_of(out, "why"), err);
	else if (!o->json && strcmp(text_of(item, "by"), "link") == 0)
		puts(text_of(item, "url"));
	else if (!o->json)
		printf("%s: %s to %s\n", text_of(item, "name"), text_of(item, "by"), text_of(item, "recipient"));
	json_decref(made);
	return ok;
}

/* ---- a session of their own ---- */

struct begin {
	TALLOC_CTX *ctx;
	struct enroll_wish wish;
	char *id, *token;
};

static bool
tx_begin(struct db *tx, void *arg, struct err *err)
{
	struct begin *b = arg;

	return enroll_session_begin(tx, b->ctx, &b->wish, &b->id, &b->token, err);
}

static bool
make_link(TALLOC_CTX *ctx, const struct opts *o, struct site *site, struct err *err)
{
	struct begin b = { .ctx = ctx };
	struct person *person;
	const char *url;
	json_t *json;

	if (!person_by_name(ctx, site->db, o->user, &person, err))
		return err->kind == ERR_MISSING ? err_set(err, ERR_MISSING, "nobody who may sign in is called \"%.64s\"", o->user) : false;
	if (o->direct && !enroll_direct_may(site_conf(site), err))
		return false;
	b.wish = enroll_wish_of(ctx, site, "cli", person->id, NULL);
	if (!db_tx(site->db, tx_begin, &b, err))
		return false;
	url = o->direct ? enroll_direct_url(ctx, site, b.token) : enroll_url(ctx, site, b.token);
	if (!o->json) {
		puts(url);
		return true;
	}
	json = json_pack("{s:s, s:s, s:s}", "id", b.id, "url", url, "expires", clock_text(ctx, clock_now() + b.wish.ttl_s));
	print_json(json);
	json_decref(json);
	return true;
}

int
cmd_enroll(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "invite|link", "Somebody sets up a device.", cli_common, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct site *site;
	struct conf *conf;
	struct db *db;
	bool ok;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	if (!cli_db(ctx, &o.place, &conf, &db, &err) || !site_for_command(ctx, conf, db, &site, &err))
		return cli_fail(&err);
	ok = strcmp(o.act, "invite") == 0 ? invite(ctx, &o, site, &err) : make_link(ctx, &o, site, &err);
	return ok ? EXIT_OK : cli_fail(&err);
}
