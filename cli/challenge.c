/* pomona challenge new --subject DN [--ttl S] [--device ID] [--purpose client] */
#include "cli/cli.h"
#include "core/num.h"
#include "mdm/challenge.h"
#include <string.h>

struct opts {
	struct cli_place place;
	const char *act, *subject, *ttl, *device, *purpose;
};

static const struct argp_option options[] = {
	{ "subject", 's', "DN", 0, "What the certificate says, whatever the request does: \"CN=printer 7,O=Example\"", 0 },
	{ "ttl", 't', "SECONDS", 0, "How long it is good for (default: scep.challenge_minutes)", 0 },
	{ "device", 'd', "ID", 0, "The managed device that it is meant for", 0 },
	{ "purpose", 'p', "PURPOSE", 0, "client (the only one outside of an enrollment)", 0 },
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
	case 's':	o->subject = arg; break;
	case 't':	o->ttl = arg; break;
	case 'd':	o->device = arg; break;
	case 'p':	o->purpose = arg; break;
	case ARGP_KEY_ARG:
		if (o->act)
			argp_error(state, "one word is enough: new");
		o->act = arg;
		break;
	case ARGP_KEY_END:
		if (!o->act || strcmp(o->act, "new") != 0 || !o->subject)
			argp_error(state, "say new --subject DN");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int
cmd_challenge(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "new",
		"Makes a one-time SCEP challenge for one certificate at BASE-URL/scep, and prints it, once.", cli_common,
		NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct challenge_wish wish = { .purpose = CA_CLIENT };
	struct opts o = { 0 };
	struct err err = { 0 };
	struct conf *conf;
	struct db *db;
	char *text;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	if (o.purpose && !ca_purpose_read(o.purpose, &wish.purpose)) {
		fprintf(stderr, "pomona: there is no purpose \"%s\"\n", o.purpose);
		return EXIT_USAGE_;
	}
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	if (!cli_db(ctx, &o.place, &conf, &db, &err))
		return cli_fail(&err);
	wish.subject = o.subject;
	wish.ttl_s = conf->scep_challenge_minutes * 60;
	if (o.ttl && !num_parse(o.ttl, 1, CHALLENGE_TTL_MAX_S, &wish.ttl_s, &err)) {
		err_at(&err, "--ttl");
		return cli_fail(&err);
	}
	if (!challenge_new_by(db, ctx, "cli", o.device, &wish, &text, &err))
		return cli_fail(&err);
	puts(text);
	return EXIT_OK;
}
