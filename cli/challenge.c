/* pomona challenge new --subject DN [--ttl S] [--device ID] [--purpose client] */
#include "cli/command.h"
#include "core/num.h"
#include "mdm/challenge.h"

struct opts {
	struct cli_call call;
	const char *subject, *ttl, *device;
	enum ca_purpose purpose;
};

static bool
take_purpose(struct cli_call *call, const char *arg, struct err *err)
{
	return ca_purpose_read(arg, &((struct opts *)call)->purpose) ||
	       err_set(err, ERR_INVALID, "there is no purpose \"%s\"", arg);
}

static bool
new(struct cli_call *call, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	struct challenge_wish wish = { .subject = o->subject, .purpose = o->purpose,
				       .ttl_s = call->conf->scep_challenge_minutes * 60 };
	char *text;

	if (o->ttl && !num_parse(o->ttl, 1, CHALLENGE_TTL_MAX_S, &wish.ttl_s, err))
		return err_at(err, "--ttl");
	if (!challenge_new_by(call->db, call->ctx, "cli", o->device, &wish, &text, err))
		return false;
	puts(text);
	return true;
}

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "subject", 's', "DN", "What the certificate says, whatever the request does: \"CN=printer 7,O=Example\"", AT(subject) },
	{ "ttl", 't', "SECONDS", "How long it is good for (default: scep.challenge_minutes)", AT(ttl) },
	{ "device", 'd', "ID", "The managed device (its id) that the certificate is for, and ends with", AT(device) },
	{ "purpose", 'p', "PURPOSE", "client (the only one outside of an enrollment)", .take = take_purpose },
	{ 0 }
};
static const struct cli_act acts[] = {
	{ "new", 0, 0, "s", new },
	{ 0 }
};

int
cmd_challenge(int argc, char **argv)
{
	static const struct cli_command challenge = {
		.args = "new",
		.doc = "Makes a one-time SCEP challenge for one certificate at BASE-URL/scep, and prints it, once.",
		.options = { options }, .acts = acts, .usage = "say new --subject DN",
	};
	struct opts o = { .purpose = CA_CLIENT };

	return cli_run(&challenge, &o.call, argc, argv);
}
