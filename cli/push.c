/*
 * pomona push csr | import FILE [--key FILE] [--password-file FILE] [--new-topic] | show [--json] | resume
 *
 * All of them also while the server runs: a certificate is in use a second after it was imported.
 */
#include "cli/cli.h"
#include "core/file.h"
#include "mdm/push_certificate.h"
#include "core/json.h"
#include <string.h>

struct opts {
	struct cli_place place;
	const char *act, *file, *key_file, *password_file;
	bool json, new_topic;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ "key", 'k', "FILE", 0, "The certificate's private key, where it was made elsewhere", 0 },
	{ "password-file", 'f', "FILE", 0, "First line is the password of the PKCS#12 file or key; - reads stdin", 0 },
	{ "new-topic", 'n', NULL, 0, "Although devices are enrolled under another topic: once its certificate has expired "
	  "they cannot be reached, and have to enroll again", 0 },
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
	case 'j':	o->json = true; break;
	case 'k':	o->key_file = arg; break;
	case 'f':	o->password_file = arg; break;
	case 'n':	o->new_topic = true; break;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			return ARGP_ERR_UNKNOWN;
		*(state->arg_num ? &o->file : &o->act) = arg;
		break;
	case ARGP_KEY_END:
		if (!o->act || !o->file != (strcmp(o->act, "import") != 0))
			argp_error(state, "say csr, import FILE, show or resume");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

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
show_them(struct db *db, bool as_json, struct err *err)
{
	json_t *show;

	if (!push_certificate_show(db, &show, err))
		return false;
	if (as_json) {
		json_dumpf(show, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print(show);
	}
	json_decref(show);
	return true;
}

static bool
csr(TALLOC_CTX *ctx, const struct conf *conf, struct db *db, struct err *err)
{
	struct sealer *sealer;
	char *pem;

	if (!cli_sealer(ctx, conf, &sealer, err) ||
	    !push_certificate_want(ctx, db, sealer, "cli", conf->company_name, &pem, err))
		return false;
	fputs(pem, stdout);
	fputs("pomona: have this request signed by an MDM vendor, take that to identity.apple.com, and then\n"
	      "        pomona push import FILE; docs/enrolling.md says how\n", stderr);
	return true;
}

static bool
import_it(TALLOC_CTX *ctx, const struct opts *o, const struct conf *conf, struct db *db, struct err *err)
{
	struct push_import import = { .new_topic = o->new_topic };
	struct sealer *sealer;
	char *password = NULL;
	json_t *show;

	if (!cli_sealer(ctx, conf, &sealer, err) || !file_read(ctx, o->file, PUSH_FILE_MAX, &import.file, err) ||
	    (o->key_file && !file_read(ctx, o->key_file, PUSH_FILE_MAX, &import.key, err)) ||
	    (o->password_file && !cli_secret(ctx, o->password_file, &password, err)))
		return false;
	import.password = password;
	if (!push_certificate_import(db, sealer, "cli", &import, &show, err))
		return err_at(err, "import %s", o->file);
	print(show);
	json_decref(show);
	return true;
}

int
cmd_push(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "csr | import FILE | show | resume",
		"The certificate that Apple gives for waking devices.\v"
		"csr makes a key, which stays here, and prints the request for its certificate. import takes that "
		"certificate as PEM or DER, or with its key as PEM or PKCS#12. resume tries again after Apple has "
		"refused it.", cli_common, NULL, NULL };
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	struct conf *conf;
	struct db *db;
	bool ok;

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return EXIT_USAGE_;
	ctx = talloc_new(NULL);	/* not before: argp may leave by itself */
	if (!cli_db(ctx, &o.place, &conf, &db, &err))
		return cli_fail(&err);
	if (strcmp(o.act, "csr") == 0) {
		ok = csr(ctx, conf, db, &err);
	} else if (strcmp(o.act, "import") == 0) {
		ok = import_it(ctx, &o, conf, db, &err);
	} else if (strcmp(o.act, "show") == 0) {
		ok = show_them(db, o.json, &err);
	} else if (strcmp(o.act, "resume") == 0) {
		ok = push_certificate_resume(db, "cli", &err);
	} else {
		fprintf(stderr, "pomona push: say csr, import, show or resume, not \"%s\"\n", o.act);
		return EXIT_USAGE_;
	}
	return ok ? EXIT_OK : cli_fail(&err);
}
