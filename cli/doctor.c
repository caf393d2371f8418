/*
 * pomona doctor: each check a line - ok, warn, fail - and what to do.
 *
 * From inside: settings, data directory, database, disk, certificate.  From outside, through the base
 * URL as a phone would: does it answer, without a redirect and without asking who is there?
 */
#include "catalog/signin.h"
#include "catalog/token.h"
#include "cli/command.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/fetch.h"
#include "core/file.h"
#include "core/x509.h"
#include "mdm/push_certificate.h"
#include "mdm/ca.h"
#include "mdm/ca_sign.h"
#include "mdm/ca_show.h"
#include "web/outbox.h"
#include "web/own_upn.h"
#include "web/rooms.h"
#include "web/signing.h"
#include <curl/curl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define EXPIRY_WARN_DAYS 30

static int failures;

static void __attribute__((format(printf, 3, 4)))
say(const char *level, const char *what, const char *fmt, ...)
{
	va_list ap;

	failures += strcmp(level, "fail") == 0;
	printf("%-5s %-13s", level, what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void
say_err(const char *what, const struct err *err)
{
	char text[520];

	say("fail", what, "%s", err_text(err, text, sizeof text));
}

static void
check_files(const struct conf *conf)
{
	struct stat st;

	if (stat(conf->server_data, &st) != 0)
		say("fail", "data", "%s is not there; pomona init makes it", conf->server_data);
	else if (st.st_mode & 077)
		say("warn", "data", "%s can be read by others; chmod 700 %s", conf->server_data, conf->server_data);
	else
		say("ok", "data", "%s", conf->server_data);
	if (!*conf->key_master_file)
		say("warn", "master key", "key.master_file is not set; pomona init makes one");
	else if (stat(conf->key_master_file, &st) != 0)
		say("fail", "master key", "%s is not there; restore it from where it is kept", conf->key_master_file);
	else if (st.st_mode & 077)
		say("fail", "master key", "%s can be read by others; chmod 600 it", conf->key_master_file);
	else
		say("ok", "master key", "%s", conf->key_master_file);
}

/* Nothing to say where no device is managed, nor is to be. */
static void
check_push(struct db *db)
{
	struct err err = { 0 };
	const char *state, *expires;
	json_t *show;

	if (!push_certificate_show(db, &show, &err)) {
		say_err("push", &err);
		return;
	}
	state = json_string_value(json_object_get(show, "state"));
	expires = json_string_value(json_object_get(show, "expires"));
	if (strcmp(state, "wanted") == 0)
		say("warn", "push", "a request waits for its certificate; pomona push import FILE");
	else if (strcmp(state, "halted") == 0)
		say("fail", "push", "APNs refuses the certificate: %s; replace it, or pomona push resume",
		    json_string_value(json_object_get(show, "halted")));
	else if (strcmp(state, "expired") == 0)
		say("fail", "push", "the certificate expired on %.10s; renew the same one at identity.apple.com", expires);
	else if (expires) {
		time_t at = 0;
		bool soon = clock_parse(expires, &at, &err) && at < clock_now() + PUSH_WARN_DAYS * DAY_S;

		say(soon ? "warn" : "ok", "push", "the certificate is good until %.10s%s", expires,
		    soon ? "; renew the same one at identity.apple.com" : "");
	}
	json_decref(show);
}

static void
check_database(TALLOC_CTX *ctx, const struct conf *conf)
{
	struct err err = { 0 };
	struct blobs *blobs;
	struct db *db;
	int64_t rows, people, room;

	if (!db_open(ctx, conf->server_data, &db, &err) || !db_writable(db, &err)) {
		say_err("database", &err);
		return;
	}
	say("ok", "database", "writable, schema %d", db_schema_version(db));
	if (!audit_verify(db, &rows, &err))
		say_err("audit", &err);
	else
		say("ok", "audit", "%lld rows, the chain is whole", (long long)rows);
	if (!person_count(db, &people, &err))
		say_err("people", &err);
	else if (!people)
		say("warn", "people", "nobody can sign in; pomona user add NAME --admin --password-file FILE");
	else
		say("ok", "people", "%lld", (long long)people);
	check_push(db);
	if (!blobs_open(ctx, mem_printf(ctx, "%s/blobs", conf->server_data), 0, &blobs, &err) ||
	    !blobs_room(blobs, &room, &err))
		say_err("disk", &err);
	else
		say(room < conf->upload_keep_free_mb * 1000000 ? "fail" : "ok", "disk",
		    "%lld MB free; uploads stop below %lld", (long long)(room / 1000000),
		    (long long)conf->upload_keep_free_mb);
}

static void
say_step(void *arg, enum directory_level level, const char *step, const char *text)
{
	static const char *const levels[] = { "ok", "warn", "fail" };

	(void)arg;
	say(levels[level], "directory", "%s: %s", step, text);
}

/* Its servers and our own account there; `pomona ldap test` looks further. */
static void
check_directory(TALLOC_CTX *ctx, const struct conf *conf)
{
	struct directory *directory;
	struct err err = { 0 };

	if (!signin_check_conf(conf, &err) || !directory_new(ctx, conf, &directory, &err))
		say_err("sign-in", &err);
	else if (directory_is_on(directory))
		directory_test(directory, "", NULL, say_step, NULL);
}

/* Where local accounts may not sign in, what they made before goes on. */
static void
check_local(TALLOC_CTX *ctx, const struct conf *conf)
{
	struct err err = { 0 };
	int64_t n, admins;
	struct db *db;

	if (conf->signin_local_login || !db_open(ctx, conf->server_data, &db, &err))
		return;		/* check_database has said so */
	if (!token_count_local(db, &n, &admins, &err))
		say_err("sign-in", &err);
	else if (n)
		say(admins ? "warn" : "ok", "sign-in", "signin.local_login is off, and API tokens of local accounts go on: %lld, %lld of"
		    " them with the scope admin; who is not to have one any more is disabled at /admin/people", (long long)n,
		    (long long)admins);
}

/* Behind a proxy it is the one that phones are shown.  What stands above it in the chain may end first. */
static void
check_certificate(TALLOC_CTX *ctx, const struct conf *conf)
{
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;
	bool in_front = conf->server_plain || !*conf->server_tls_cert;
	const struct fetch f = { .url = conf->server_base_url, .rules = { .configured = true, .allow = conf->egress_allow } };
	const char *whose = in_front ? "what stands in front shows" : "ours is";
	struct err err = { 0 };
	struct bytes pem;
	time_t expires;
	char day[11];
	X509 *first;

	if (in_front && strncmp(conf->server_base_url, "https://", 8) != 0) {
		say("ok", "certificate", "none here: a proxy does TLS");
		return;
	}
	if (!(in_front ? fetch_certificates(ctx, &f, &pem, &err) : file_read(ctx, conf->server_tls_cert, 1u << 20, &pem, &err)) ||
	    !x509_read_pem(pem, &certs, &err)) {
		say_err("certificate", &err);
		return;
	}
	first = x509_first_to_end(certs);
	if (!first || !x509_expires(first, &expires) || expires < clock_now())
		say("fail", "certificate", "%s: %s, which has expired; renew it%s", whose, first ? x509_subject_cn(ctx, first) : "one",
		    in_front ? " there" : " and send SIGHUP");
	else
		say(expires < clock_now() + EXPIRY_WARN_DAYS * DAY_S ? "warn" : "ok", "certificate", "%s: %s, good until %s", whose,
		    x509_subject_cn(ctx, first), clock_day(expires, day));
}

/* What our own CA signs with is made by the server when it is first needed, and renewed by it. */
static void
check_own_signing(TALLOC_CTX *ctx, const struct conf *conf)
{
	struct ca_signing *own;
	struct err err = { 0 };
	struct db *db;
	char day[11];

	if (!db_open(ctx, conf->server_data, &db, &err) || !ca_sign_find(ctx, db, &own, &err))
		say_err("signing", &err);
	else if (own && own->not_after < clock_now())
		say("fail", "signing", "our own CA's certificate that signs mobileconfigs has expired; the server's log says why"
		    " it was not renewed");
	else
		say("warn", "signing", "mobileconfigs are signed by our own CA%s%s, and iOS says \"Not Verified\"; set"
		    " registration.sign_cert and registration.sign_key", own ? ", good until " : " when it is made",
		    own ? clock_day(own->not_after, day) : "");
}

static void
check_signing(TALLOC_CTX *ctx, const struct conf *conf)
{
	const char *setting;
	struct err err = { 0 };
	time_t expires;
	char day[11];

	if (!signing_expires(conf, &setting, &expires, &err))
		say_err("signing", &err);
	else if (!setting)
		check_own_signing(ctx, conf);
	else if (expires < clock_now())
		say("fail", "signing", "%s, which signs mobileconfigs, has expired; renew it", setting);
	else
		say(expires < clock_now() + EXPIRY_WARN_DAYS * DAY_S ? "warn" : "ok", "signing",
		    "mobileconfigs are signed with %s, good until %s", setting, clock_day(expires, day));
}

static size_t
drop(char *p, size_t size, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	return size * n;
}

/* What devices and holders of a link fetch: no proxy may ask them who they are, nor send them elsewhere. */
static const struct {
	const char *what, *path;
	long expected;		/* 0: anything of ours but a sign-in or a redirect */
	bool shows;		/* and once more with a certificate of nobody's: devices have many */
} doors[] = {
	{ "outside",  "/healthz",                200 },
	{ "installs", "/d/doctor/manifest.plist", 404, true },
	{ "installs", "/d/doctor/app.ipa",       404 },
	{ "links",    "/i/doctor",               404 },
	{ "links",    "/udid/doctor",            0 },
	{ "devices",  "/mdm/checkin",            0, true },
	{ "devices",  "/mdm/command",            0 },
	{ "devices",  "/scep",                   0, true },
	{ "devices",  "/scep/doctor",            0 },
	{ "devices",  "/enroll/doctor",          0 },
	{ "devices",  "/eas/doctor",             0 },
	{ "devices",  "/crl/doctor",             404 },
	{ "devices",  "/ocsp/doctor",            200 },
	{ "devices",  "/c/doctor",               0 },
	{ "devices",  "/.well-known/com.apple.remotemanagement", 403 },
};

/* Every answer of ours carries it, whatever the route. */
static size_t
look_for_ours(char *line, size_t size, size_t n, void *ours)
{
	static const char mark[] = "X-Content-Type-Options:";

	if (size * n > sizeof mark - 1 && strncasecmp(line, mark, sizeof mark - 1) == 0)
		*(bool *)ours = true;
	return size * n;
}

static void
show_certificate(CURL *curl, const struct x509_made *made)
{
	struct curl_blob cert = { made->cert_pem, strlen(made->cert_pem), CURL_BLOB_COPY };
	struct curl_blob key = { made->key_pem, strlen(made->key_pem), CURL_BLOB_COPY };

	curl_easy_setopt(curl, CURLOPT_SSLCERT_BLOB, &cert);
	curl_easy_setopt(curl, CURLOPT_SSLKEY_BLOB, &key);
}

/* shown NULL: without a certificate. */
static void
knock(const struct conf *conf, const char *ca, const struct x509_made *shown, const char *what, const char *path,
      long expected)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *door = shown ? mem_printf(ctx, "%s behind another CA's certificate", path) : path;
	CURL *curl = curl_easy_init();
	char why[CURL_ERROR_SIZE] = "";
	bool ours = false;
	long status = 0;
	CURLcode rc;

	curl_easy_setopt(curl, CURLOPT_URL, mem_printf(ctx, "%s%s", conf->server_base_url, path));
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, look_for_ours);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &ours);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
	if (ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
	if (shown)
		show_certificate(curl, shown);
	rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (rc != CURLE_OK)
		say("fail", what, "%s%s: %s%s", conf->server_base_url, door, *why ? why : curl_easy_strerror(rc),
		    shown ? "; a port that asks people for certificates must take any from devices: see docs/proxy" : "");
	else if (status == 401 || (status >= 300 && status < 400))
		say("fail", what, "%s answers %ld: a proxy in front must not ask devices who they are and must "
		    "not redirect them, or installs break and devices are lost; see docs/proxy", door, status);
	else if (!ours)
		say("fail", what, "%s answers %ld, and that is not Pomona's answer: what stands in front?%s", door, status,
		    shown ? " A port that asks people for certificates must take any from devices: see docs/proxy" : "");
	else if (expected && status != expected)
		say("fail", what, "%s%s answers %ld, not %ld", conf->server_base_url, door, status, expected);
	else
		say("ok", what, "%s answers %ld", door, status);
}

static void
check_outside(TALLOC_CTX *ctx, const struct conf *conf)
{
	const char *ca = mem_printf(ctx, "%s/tls/ca.pem", conf->server_data);
	struct x509_made nobody;
	struct err err = { 0 };
	struct stat st;

	if (!*conf->server_base_url) {
		say("fail", "base URL", "server.base_url is not set; phones would not find their way");
		return;
	}
	if (strncmp(conf->server_base_url, "https://", 8) != 0)
		say("fail", "base URL", "%s: iOS installs from https:// alone", conf->server_base_url);
	if (stat(ca, &st) != 0)
		ca = NULL;
	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
		knock(conf, ca, NULL, doors[i].what, doors[i].path, doors[i].expected);
	if (!x509_make(ctx, "doctor", NULL, 1, NULL, &nobody, &err)) {
		say_err("outside", &err);
		return;
	}
	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
		if (doors[i].shows)
			knock(conf, ca, &nobody, doors[i].what, doors[i].path, doors[i].expected);
}

/* Is there one, does the master key open it, how long is it good for? */
static void
check_ca(TALLOC_CTX *ctx, const struct conf *conf)
{
	struct sealer *sealer = NULL;
	struct err err = { 0 };
	time_t expires;
	struct ca *ca;
	struct db *db;
	char day[11];

	if (!db_open(ctx, conf->server_data, &db, &err))
		return;		/* check_database has said so */
	if ((*conf->key_master_file && !cli_sealer(ctx, conf, &sealer, &err)) ||
	    !ca_open(ctx, db, sealer, conf->server_base_url, &ca, &err))
		say_err("device CA", &err);
	else if (!ca_ready(ca))
		say("warn", "device CA", "there is none, and no device can enroll; pomona ca make");
	else if (!x509_expires(ca_cert(ca), &expires) || expires < clock_now())
		say("fail", "device CA", "it has expired; pomona ca renew");
	else
		say(expires < clock_now() + (time_t)CA_SOON_DAYS * DAY_S ? "warn" : "ok", "device CA", "good until %s",
		    clock_day(expires, day));
}

/* Nothing to say where no certificate is made for people. */
static void
check_own(TALLOC_CTX *ctx, const struct conf *conf)
{
	struct sealer *sealer = NULL;
	struct own_upn_lack lack;
	struct err err = { 0 };
	struct db *db;

	if (!own_upn_fits(conf, &err)) {
		say("fail", "own", "no certificate is issued to people: %s", err.cause);
		return;
	}
	if (!db_open(ctx, conf->server_data, &db, &err))
		return;		/* check_database has said so */
	if ((*conf->key_master_file && !cli_sealer(ctx, conf, &sealer, &err)) ||
	    !own_upn_lacking(ctx, db, sealer, conf, &lack, &err))
		say_err("own", &err);
	else if (lack.variable)
		say(lack.lacking == lack.people ? "fail" : "warn", "own",
		    "own.upn is %s, and %lld of %lld people have no %%%s%%: no certificate is made for them; set own.upn, such as"
		    " %%email%%, or have the directory say it (ldap.attributes)", conf->own_upn, (long long)lack.lacking,
		    (long long)lack.people, lack.variable);
}

/* As far as it goes without a message: reached, encrypted, the account known. */
static void
check_sending(TALLOC_CTX *ctx, const struct conf *conf)
{
	struct mail_server server = outbox_mail(conf);
	struct sms_gateway gateway = outbox_sms(conf);
	struct mail_address from;
	struct sending sending;
	struct err err = { 0 };

	server.helo = outbox_host(ctx, conf);
	if (!*conf->smtp_url)
		say("ok", "mail", "none is sent: smtp.url is not set");
	else if (!mail_address(ctx, conf->smtp_from, &from, &err))
		say("fail", "mail", "smtp.from: %s", err.cause);
	else if (!mail_try(&server, &sending, &err))
		say_err("mail", &err);
	else
		say("ok", "mail", "%s answers%s%s", conf->smtp_url, sending.encrypted ? ", encrypted" : "",
		    sending.signed_in ? ", and knows the account" : "");
	if (!*conf->sms_driver)
		say("ok", "SMS", "none is sent: sms.driver is not set");
	else if (!sms_try(&gateway, &sending, &err))
		say_err("SMS", &err);
	else
		say("ok", "SMS", "%s answers%s", conf->sms_driver, sending.signed_in ? " and knows the account" : "");
}

int
cmd_doctor(int argc, char **argv)
{
	static const struct cli_command doctor = { .doc = "Checks the installation." };
	void *ctx SCOPED(mem) = NULL;
	struct cli_call call = { 0 };
	struct err err = { 0 };
	struct conf *conf;

	cli_parse(&doctor, &call, argc, argv);
	ctx = talloc_new(NULL);
	signal(SIGPIPE, SIG_IGN);	/* what stands in front may hang up */
	if (!cli_conf(ctx, &call.place, &conf, &err)) {
		if (strcmp(err.code, CLI_NOWHERE) == 0)
			return cli_fail(&err);
		say_err("settings", &err);
		return EXIT_REJECTED;
	}
	say("ok", "settings", "%s", conf->file);
	if (*conf->seams)
		say("warn", "settings", "for tests alone, unset them: %s", conf->seams);
	check_files(conf);
	check_database(ctx, conf);
	check_directory(ctx, conf);
	check_local(ctx, conf);
	check_certificate(ctx, conf);
	check_signing(ctx, conf);
	check_ca(ctx, conf);
	check_own(ctx, conf);
	check_outside(ctx, conf);
	check_sending(ctx, conf);
	return failures ? EXIT_REJECTED : EXIT_OK;
}
