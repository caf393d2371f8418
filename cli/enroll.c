/*
 * pomona enroll invite --user NAME --by sms|mail|link [--to WHERE] [--note TEXT] [--language L] [--another] [--json]
 * pomona enroll link --user NAME [--direct] [--json]
 *
 * An invitation's message is a row that the running server sends.  `link` begins a session that is good for one
 * device and some minutes, and prints where its mobileconfig is: whoever has that needs no sign-in.
 */
#include "catalog/invitation.h"
#include "cli/command.h"
#include "core/clock.h"
#include "web/enroll_house.h"
#include "web/invitation_send.h"
#include "core/json.h"
#include <string.h>

struct opts {
	struct cli_call call;
	const char *user, *by, *to, *note, *language;
	bool another, direct, json;
};

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
invite(struct cli_call *call, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	struct invitation_order order = { .actor = "cli", .persons = &o->user, .persons_n = 1, .way = o->by, .to = o->to,
					  .note = o->note, .language = o->language, .another = o->another, .remind = true };
	const json_t *item, *out;
	struct site *site;
	json_t *made;
	bool ok = true;

	if (!site_for_command(call->ctx, call->conf, call->db, &site, err) ||
	    !invitation_make(call->ctx, site, &order, &made, err))
		return false;
	item = json_array_get(json_object_get(made, "items"), 0);
	out = json_array_get(json_object_get(made, "left_out"), 0);
	if (o->json)
		cli_print(made);
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
make_link(struct cli_call *call, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	struct begin b = { .ctx = call->ctx };
	struct person *person;
	struct site *site;
	const char *url;
	json_t *json;

	if (!site_for_command(call->ctx, call->conf, call->db, &site, err))
		return false;
	if (!person_by_name(call->ctx, site->db, o->user, &person, err))
		return err->kind == ERR_MISSING ? err_set(err, ERR_MISSING, "nobody who may sign in is called \"%.64s\"", o->user) : false;
	if (o->direct && !enroll_direct_may(site_conf(site), err))
		return false;
	b.wish = enroll_wish_of(call->ctx, site, "cli", person->id, NULL);
	if (!db_tx(site->db, tx_begin, &b, err))
		return false;
	url = o->direct ? enroll_direct_url(call->ctx, site, b.token) : enroll_url(call->ctx, site, b.token);
	if (!o->json) {
		puts(url);
		return true;
	}
	json = json_pack("{s:s, s:s, s:s}", "id", b.id, "url", url, "expires", clock_text(call->ctx, clock_now() + b.wish.ttl_s));
	cli_print(json);
	json_decref(json);
	return true;
}

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "user", 'u', "NAME", "Whose device it will be", AT(user) },
	{ "by", 'b', "WAY", "invite: mail, sms, any (mail, else SMS) or link, which is printed and sent to nobody", AT(by) },
	{ "to", 't', "WHERE", "invite: an address or number instead of the person's own", AT(to) },
	{ "note", 'n', "TEXT", "invite: what the invited read of you", AT(note) },
	{ "language", 'l', "LANGUAGE", "invite: en, de, es, fr, ja or zh-Hans instead of the company's", AT(language) },
	{ "another", 'a', NULL, "invite: although they have a device", AT(another) },
	{ "direct", 'd', NULL, "link: one mobileconfig without the Profile Service phases (enroll.direct)", AT(direct) },
	{ "json", 'j', NULL, "Print JSON", AT(json) },
	{ 0 }
};
static const struct cli_act acts[] = {
	{ "invite", 0, 0, "ub", invite },
	{ "link", 0, 0, "u", make_link },
	{ 0 }
};

int
cmd_enroll(int argc, char **argv)
{
	static const struct cli_command enroll = {
		.args = "invite|link", .doc = "Somebody sets up a device.",
		.options = { options }, .acts = acts, .usage = "say invite --user NAME --by sms|mail, or link --user NAME",
	};
	struct opts o = { 0 };

	return cli_run(&enroll, &o.call, argc, argv);
}
