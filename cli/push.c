/*
 * pomona push csr | import FILE [--key FILE] [--password-file FILE] [--new-topic] | show [--json] | resume
 *
 * All of them also while the server runs: a certificate is in use a second after it was imported.
 */
#include "cli/command.h"
#include "core/file.h"
#include "mdm/push_certificate.h"
#include "core/json.h"
#include <string.h>

struct opts {
	struct cli_call call;
	const char *key_file, *password_file;
	bool json, new_topic;
};

static void
print(const json_t *show)
{
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(show, "certificates"), i, c) {
		printf("topic    %s\nexpires  %.10s\nstate    %s%s%s\ndevices  %lld\n", text_of(c, "topic"), text_of(c, "expires"),
		       text_of(c, "state"), *text_of(c, "halted") ? ": APNs says " : "", text_of(c, "halted"),
		       (long long)json_integer_value(json_object_get(c, "devices")));
	}
	json_array_foreach(json_object_get(show, "wanted"), i, c)
		printf("request  of %.10s waits for its certificate\n", text_of(c, "created"));
	if (strcmp(text_of(show, "state"), "none") == 0)
		fputs("pomona: there is no push certificate; `pomona push csr` begins\n", stderr);
}

static bool
show(struct cli_call *call, struct err *err)
{
	json_t *all;

	if (!push_certificate_show(call->db, &all, err))
		return false;
	if (((const struct opts *)call)->json)
		cli_print(all);
	else
		print(all);
	json_decref(all);
	return true;
}

static bool
csr(struct cli_call *call, struct err *err)
{
	struct sealer *sealer;
	char *pem;

	if (!cli_sealer(call->ctx, call->conf, &sealer, err) ||
	    !push_certificate_want(call->ctx, call->db, sealer, "cli", call->conf->company_name, &pem, err))
		return false;
	fputs(pem, stdout);
	fputs("pomona: have this request signed by an MDM vendor, take that to identity.apple.com, and then\n"
	      "        pomona push import FILE; docs/enrolling.md says how\n", stderr);
	return true;
}

static bool
import(struct cli_call *call, struct err *err)
{
	const struct opts *o = (const struct opts *)call;
	struct push_import wish = { .new_topic = o->new_topic };
	const char *file = call->words[0];
	struct sealer *sealer;
	char *password = NULL;
	json_t *all;

	if (!cli_sealer(call->ctx, call->conf, &sealer, err) || !file_read(call->ctx, file, PUSH_FILE_MAX, &wish.file, err) ||
	    (o->key_file && !file_read(call->ctx, o->key_file, PUSH_FILE_MAX, &wish.key, err)) ||
	    (o->password_file && !cli_secret(call->ctx, o->password_file, &password, err)))
		return false;
	wish.password = password;
	if (!push_certificate_import(call->db, sealer, "cli", &wish, &all, err))
		return err_at(err, "import %s", file);
	print(all);
	json_decref(all);
	return true;
}

static bool
resume(struct cli_call *call, struct err *err)
{
	return push_certificate_resume(call->db, "cli", err);
}

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "json", 'j', NULL, "Print JSON", AT(json) },
	{ "key", 'k', "FILE", "The certificate's private key, where it was made elsewhere", AT(key_file) },
	{ "password-file", 'f', "FILE", "First line is the password of the PKCS#12 file or key; - reads stdin", AT(password_file) },
	{ "new-topic", 'n', NULL, "Although devices are enrolled under another topic: once its certificate has expired "
	  "they cannot be reached, and have to enroll again", AT(new_topic) },
	{ 0 }
};
static const struct cli_act acts[] = {
	{ "csr", 0, 0, NULL, csr },
	{ "import", 1, 1, NULL, import },
	{ "show", 0, 0, NULL, show },
	{ "resume", 0, 0, NULL, resume },
	{ 0 }
};

int
cmd_push(int argc, char **argv)
{
	static const struct cli_command push = {
		.args = "csr | import FILE | show | resume",
		.doc = "The certificate that Apple gives for waking devices.\v"
		       "csr makes a key, which stays here, and prints the request for its certificate. import takes that "
		       "certificate as PEM or DER, or with its key as PEM or PKCS#12. resume tries again after Apple has "
		       "refused it.",
		.options = { options }, .acts = acts, .usage = "say csr, import FILE, show or resume",
	};
	struct opts o = { 0 };

	return cli_run(&push, &o.call, argc, argv);
}
