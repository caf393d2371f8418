/*
 * device enroll: one phone's whole way into management.  device scep: one certificate.  device show: a state.
 */
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include "core/file.h"
#include "tests/device/keys.h"
#include "tests/device/options.h"

#define FILE_MAX (4u << 20)

struct opts {
	struct common common;
	const char *url, *challenge, *subject, *out, *key_out;
	int number;
};

enum { OPT_NUMBER = 1024, OPT_CHALLENGE, OPT_SUBJECT, OPT_OUT, OPT_KEY_OUT };

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:	state->child_inputs[0] = &o->common; return 0;
	case OPT_NUMBER:	o->number = number_of(arg); return 0;
	case OPT_CHALLENGE:	o->challenge = arg; return 0;
	case OPT_SUBJECT:	o->subject = arg; return 0;
	case OPT_OUT:		o->out = arg; return 0;
	case OPT_KEY_OUT:	o->key_out = arg; return 0;
	case ARGP_KEY_ARG:	o->url = arg; return 0;
	default:		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };

static void
parse_all(int argc, char **argv, const struct argp_option *options, const char *args, struct opts *o)
{
	struct argp argp = { options, parse, args, NULL, children, NULL, NULL };

	common_init(&o->common);
	if (argp_parse(&argp, argc, argv, 0, NULL, o) != 0 || !o->url)
		phone_die("%s %s", argv[0], args);
}

/* ---- enroll ---- */

static struct bytes
mobileconfig_at(TALLOC_CTX *ctx, struct world *world, const char *where)
{
	struct bytes bytes;
	struct err err;

	if (strncmp(where, "http", 4) == 0)
		return fetch_mobileconfig(ctx, world, where);
	if (!file_read(ctx, where, FILE_MAX, &bytes, &err))
		phone_die("%s", err.cause);
	return bytes;
}

int
cmd_enroll(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "number", OPT_NUMBER, "N", 0, "Which phone of the state it is (0)", 0 }, { 0 },
	};
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct opts o = { 0 };
	struct handset *h;
	struct attempt a;
	bool done;

	parse_all(argc, argv, options, "URL|FILE --ca DIR --state DIR", &o);
	common_begin(&o.common);
	h = common_handset(ctx, &o.common, phone_ca_open(ctx, o.common.apple), o.number);
	done = attempt(&a);
	if (done)
		enroll(ctx, &o.common.world, h, mobileconfig_at(ctx, &o.common.world, o.url));
	attempt_end(&a);
	handset_save(h);
	if (!handset_is(h, "enrolled") || a.why[0]) {
		ledger(&o.common.world, h, "refused %s", a.why);
		fprintf(stderr, "device: refused: %s\n", a.why);
		return 1;
	}
	puts(h->udid);
	return 0;
}

/* ---- eas: a mobileconfig that stays, by the phases or as it is ---- */

int
cmd_eas(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "number", OPT_NUMBER, "N", 0, "Which phone of the state it is (0)", 0 }, { 0 },
	};
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct opts o = { 0 };
	struct handset *h;
	struct attempt a;

	parse_all(argc, argv, options, "URL|FILE --ca DIR --state DIR", &o);
	common_begin(&o.common);
	h = common_handset(ctx, &o.common, phone_ca_open(ctx, o.common.apple), o.number);
	if (attempt(&a))
		install_by_hand(ctx, &o.common.world, h, mobileconfig_at(ctx, &o.common.world, o.url));
	attempt_end(&a);
	handset_save(h);
	if (a.why[0]) {
		ledger(&o.common.world, h, "refused %s", a.why);
		fprintf(stderr, "device: refused: %s\n", a.why);
		return 1;
	}
	puts(h->udid);
	return 0;
}

/* As its person does in Settings; the server is told nothing. */
int
cmd_remove(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "number", OPT_NUMBER, "N", 0, "Which phone of the state it is (0)", 0 }, { 0 },
	};
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct opts o = { 0 };
	struct handset *h;

	parse_all(argc, argv, options, "IDENTIFIER --ca DIR --state DIR", &o);
	common_begin(&o.common);
	h = common_handset(ctx, &o.common, phone_ca_open(ctx, o.common.apple), o.number);
	remove_mobileconfig(h, o.url);
	handset_save(h);
	return 0;
}

/* ---- scep ---- */

/* "O=Example/CN=device 42" as the payload has it. */
static plist_t
subject_of(const char *text)
{
	plist_t rdns = plist_new_array();
	SCOPED(mem) char *copy = mem_text(NULL, text);
	char *rest = copy, *one;

	while ((one = strsep(&rest, "/"))) {
		char *value = strchr(one, '=');
		plist_t rdn = plist_new_array(), pair = plist_new_array();

		if (!value)
			phone_die("a subject is like O=Example/CN=device 42");
		*value++ = '\0';
		plist_array_append_item(pair, plist_new_string(one));
		plist_array_append_item(pair, plist_new_string(value));
		plist_array_append_item(rdn, pair);
		plist_array_append_item(rdns, rdn);
	}
	return rdns;
}

int
cmd_scep(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "number", OPT_NUMBER, "N", 0, "The number of the key", 0 },
		{ "challenge", OPT_CHALLENGE, "TEXT", 0, "The challenge", 0 },
		{ "subject", OPT_SUBJECT, "O=../CN=..", 0, "The subject that is asked for", 0 },
		{ "out", OPT_OUT, "FILE", 0, "Where the certificate goes, as PEM", 0 },
		{ "key-out", OPT_KEY_OUT, "FILE", 0, "And its key", 0 }, { 0 },
	};
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct opts o = { .subject = "CN=device" };
	struct scep_wish wish = { .retries_max = 0 };
	X509 *cert;
	FILE *file;

	parse_all(argc, argv, options, "URL", &o);
	wish.conn = http_open(ctx, &o.common.world.way);
	wish.payload = tree_new(ctx);
	wish.key = hold(ctx, keys_number(o.number), EVP_PKEY_free, "no key");
	wish.get = o.common.world.scep_get;
	wish.des3 = o.common.world.scep_des3;
	wish.outside = o.common.world.outside_scep;
	tree_put_text(wish.payload, "URL", o.url);
	tree_put_text(wish.payload, "Challenge", o.challenge);
	tree_put(wish.payload, "Subject", subject_of(o.subject));
	tree_put_int(wish.payload, "Key Usage", 5);
	cert = scep_enroll(ctx, &wish);
	file = o.out ? fopen(o.out, "we") : stdout;
	if (!file || !PEM_write_X509(file, cert))
		phone_die("write the certificate");
	if (o.out)
		fclose(file);
	if (o.key_out) {
		file = fopen(o.key_out, "we");
		if (!file || !PEM_write_PrivateKey(file, wish.key, NULL, NULL, 0, NULL, NULL))
			phone_die("write the key");
		fclose(file);
	}
	return 0;
}

/* A phone's key by its number, as KeyNumber of its state says. */
int
cmd_key(int argc, char **argv)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	EVP_PKEY *key;

	if (argc != 2)
		phone_die("key NUMBER");
	key = hold(ctx, keys_number(number_of(argv[1])), EVP_PKEY_free, "no key");
	if (!PEM_write_PrivateKey(stdout, key, NULL, NULL, 0, NULL, NULL))
		phone_die("write the key");
	return 0;
}

/* ---- show ---- */

int
cmd_show(int argc, char **argv)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct handset *h;
	struct bytes xml;

	if (argc != 3)
		phone_die("show DIR NUMBER");
	h = handset_open(ctx, argv[1], number_of(argv[2]), NULL);
	xml = tree_xml(ctx, h->state);
	fwrite(xml.p, 1, xml.len, stdout);
	return 0;
}
