/*
 * device register: Safari loads the mobileconfig, Settings shows it, iOS answers, Safari is opened again.
 *
 * Says what it saw as JSON on stdout; 0 when the server took the answer, 1 when it refused it.
 */
#include "core/plist.h"
#include "tests/device/device.h"
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAFARI	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " \
		"Version/18.1 Mobile/15E148 Safari/604.1"
#define PROFILED "profiled/1.0 CFNetwork/1568.200.51 Darwin/24.1.0"
#define ATTRIBUTES_MAX 16
#define LOAD_MAX (2u << 20)

enum { OPT_CA = 256, OPT_UDID, OPT_PRODUCT, OPT_VERSION, OPT_NAME, OPT_ANSWER, OPT_CHALLENGE, OPT_REPLAY, OPT_SAVE,
       OPT_CACERT, OPT_CONNECT, OPT_COOKIE };

struct opts {
	const char *url, *ca, *udid, *product, *version, *name, *challenge, *replay, *save, *cookie;
	enum phone_answer answer;
	struct http_way way;
};

static const struct argp_option options[] = {
	{ "ca",        OPT_CA,        "DIR",       0, "The Apple of the tests (device ca DIR)", 0 },
	{ "udid",      OPT_UDID,      "UDID",      0, "Its UDID", 0 },
	{ "product",   OPT_PRODUCT,   "PRODUCT",   0, "Its product: iPhone15,4", 0 },
	{ "ios-build", OPT_VERSION,   "BUILD",     0, "The build of its iOS: 22B83", 0 },
	{ "name",      OPT_NAME,      "NAME",      0, "Its name", 0 },
	{ "answer",    OPT_ANSWER,    "KIND",      0, "Answer in another way than honest (device answers)", 0 },
	{ "challenge", OPT_CHALLENGE, "TEXT",      0, "Answer with this challenge instead", 0 },
	{ "replay",    OPT_REPLAY,    "FILE",      0, "Send this answer, saved before", 0 },
	{ "save",      OPT_SAVE,      "DIR",       0, "Keep mobileconfig, mobileconfig.plist, answer and done.html here", 0 },
	{ "cacert",    OPT_CACERT,    "FILE",      0, "The CA of the server", 0 },
	{ "cookie",    OPT_COOKIE,    "NAME=VALUE", 0, "What Safari, and nobody else, has of the link's pages", 0 },
	{ "connect",   OPT_CONNECT,   "HOST:PORT", 0, "Where every name leads to", 0 },
	{ 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct opts *o = state->input;

	switch (key) {
	case OPT_CA:		o->ca = arg; return 0;
	case OPT_UDID:		o->udid = arg; return 0;
	case OPT_PRODUCT:	o->product = arg; return 0;
	case OPT_VERSION:	o->version = arg; return 0;
	case OPT_NAME:		o->name = arg; return 0;
	case OPT_ANSWER:	o->answer = phone_answer_named(arg); return 0;
	case OPT_CHALLENGE:	o->challenge = arg; return 0;
	case OPT_REPLAY:	o->replay = arg; return 0;
	case OPT_SAVE:		o->save = arg; return 0;
	case OPT_CACERT:	o->way.ca_file = arg; return 0;
	case OPT_COOKIE:	o->cookie = arg; return 0;
	case OPT_CONNECT:	o->way.connect = arg; return 0;
	case ARGP_KEY_ARG:	o->url = arg; return 0;
	default:		return ARGP_ERR_UNKNOWN;
	}
}

static void
save(const struct opts *o, const char *name, struct bytes bytes)
{
	SCOPED(mem) char *path = o->save ? mem_printf(NULL, "%s/%s", o->save, name) : NULL;
	FILE *file SCOPED(file) = path ? fopen(path, "we") : NULL;

	if (path && (!file || fwrite(bytes.p, 1, bytes.len, file) != bytes.len))
		phone_die("write %s", path);
}

static struct bytes
load(TALLOC_CTX *ctx, const char *path)
{
	FILE *file SCOPED(file) = fopen(path, "re");
	char *p = mem_size(ctx, LOAD_MAX);

	if (!file)
		phone_die("open %s", path);
	return (struct bytes){ p, fread(p, 1, LOAD_MAX, file) };
}

/* ---- the mobileconfig, as iOS looks at it ---- */

struct service {
	const char *url, *challenge, *asked[ATTRIBUTES_MAX + 1];
	const char *signer;	/* NULL: unsigned */
};

/* A signed one shows its signer; whether iOS believes it is another matter. */
static struct bytes
unwrap(TALLOC_CTX *ctx, struct bytes bytes, struct service *service)
{
	const unsigned char *p = bytes.p;
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	SCOPED(bio) BIO *out = NULL;
	STACK_OF(X509) *signers;
	char *text;
	long len;

	if (bytes.len && p[0] == '<')
		return bytes;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)bytes.len);
	out = BIO_new(BIO_s_mem());
	if (!cms || CMS_verify(cms, NULL, NULL, NULL, out, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1)
		phone_die("the mobileconfig is neither a property list nor rightly signed");
	signers = CMS_get0_signers(cms);
	service->signer = x509_subject_cn(ctx, sk_X509_value(signers, 0));
	sk_X509_free(signers);
	len = BIO_get_mem_data(out, &text);
	return (struct bytes){ mem_copy(ctx, text, (size_t)len), (size_t)len };
}

static const char *
must_have(TALLOC_CTX *ctx, plist_t dict, const char *key)
{
	const char *text = plist_text_at(ctx, dict, key);

	return text ? text : (phone_die("the mobileconfig has no %s", key), NULL);
}

static void
read_service(TALLOC_CTX *ctx, const struct opts *o, struct bytes bytes, struct service *service)
{
	struct bytes xml = unwrap(ctx, bytes, service);
	SCOPED(plist) plist_t root = NULL;
	const char **asked;
	struct err err;
	plist_t content;
	size_t n;

	save(o, "mobileconfig.plist", xml);
	if (!plist_open(xml, PLIST_BYTES_MAX, &root, &err))
		phone_die("the mobileconfig is no property list: %s", err.cause);
	if (strcmp(must_have(ctx, root, "PayloadType"), "Profile Service") != 0)
		phone_die("the mobileconfig is none of the Profile Service");
	must_have(ctx, root, "PayloadIdentifier");
	must_have(ctx, root, "PayloadUUID");
	content = plist_dict_at(root, "PayloadContent");
	service->url = must_have(ctx, content, "URL");
	service->challenge = must_have(ctx, content, "Challenge");
	asked = plist_texts_at(ctx, content, "DeviceAttributes", ATTRIBUTES_MAX, &n);
	for (size_t i = 0; i < n; i++)
		service->asked[i] = asked[i];
}

/* ---- the conversation ---- */

static void
fetch(TALLOC_CTX *ctx, const struct opts *o, struct service *service)
{
	const char *url = mem_printf(ctx, "%s/register.mobileconfig", o->url);
	struct http_way safari = o->way;
	struct http_answer page, file;

	safari.cookie = o->cookie;
	http_ask(ctx, &safari, o->url, SAFARI, NULL, (struct bytes){ 0 }, &page);
	if (page.status != 200)
		phone_die("%s answers %ld", o->url, page.status);
	http_ask(ctx, &safari, url, SAFARI, NULL, (struct bytes){ 0 }, &file);
	if (file.status != 200)
		phone_die("%s answers %ld", url, file.status);
	if (page.cookie || file.cookie)
		phone_die("the server wants to set a cookie");
	if (!file.type || strcmp(file.type, "application/x-apple-aspen-config") != 0)
		phone_die("the mobileconfig comes as %s", file.type ? file.type : "nothing");
	save(o, "mobileconfig", file.body);
	read_service(ctx, o, file.body, service);
}

static void
add(json_t *said, const char *key, const char *value)
{
	json_object_set_new(said, key, value ? json_string(value) : json_null());
}

static int
run(TALLOC_CTX *ctx, const struct opts *o)
{
	struct phone *phone = phone_new(ctx, phone_ca_open(ctx, o->ca), o->udid);
	struct service service = { 0 };
	struct http_answer answer, done = { 0 };
	struct bytes bytes;
	json_t *said = json_object();

	phone->product = o->product;
	phone->version = o->version;
	phone->name = o->name;
	fetch(ctx, o, &service);
	bytes = o->replay ? load(ctx, o->replay) :
		phone_answer(ctx, phone, service.asked, o->challenge ? o->challenge : service.challenge, o->answer);
	save(o, "answer", bytes);
	http_ask(ctx, &o->way, service.url, PROFILED, "application/pkcs7-signature", bytes, &answer);
	add(said, "signer", service.signer);
	add(said, "url", service.url);
	add(said, "challenge", service.challenge);
	json_object_set_new(said, "status", json_integer(answer.status));
	json_object_set_new(said, "cookie", json_boolean(answer.cookie));
	add(said, "location", answer.location);
	if (answer.location) {
		http_ask(ctx, &o->way, answer.location, SAFARI, NULL, (struct bytes){ 0 }, &done);
		json_object_set_new(said, "done", json_integer(done.status));
		save(o, "done.html", done.body);
	}
	json_dumpf(said, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(said);
	return answer.status == 301 && done.status == 200 ? 0 : 1;
}

int
cmd_register(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "URL", "Registers a simulated iPhone by a link.", NULL, NULL, NULL };
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct opts o = { .udid = "00008120-001A2B3C4D5E801E", .product = "iPhone15,4", .version = "22B83",
			  .name = "Anna's iPhone" };

	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0 || !o.url || !o.ca)
		phone_die("register URL --ca DIR");
	return run(ctx, &o);
}
