/*
 * Each rule names one code, which stays what it is, and says what happens and what to do.
 *
 * What a device is known to refuse is an error.  A signature under a test root is only a warning:
 * the operator has configured that root, and the tests of a whole installation need such apps.
 */
#include "ipa/verdict.h"
#include "core/clock.h"
#include "core/mem.h"
#include "ipa/provision.h"
#include <string.h>


enum level { INFO, WARNING, ERROR };

static const char *const level_names[] = { "info", "warning", "error" };

enum code {
	STORE_SIGNED,
	WRONG_PLATFORM,
	BUNDLE_VERSION_MISSING,
	NO_PROVISION,
	PROVISION_EXPIRED,
	PROVISION_EXPIRING,
	CERTIFICATE_EXPIRED,
	CERTIFICATE_EXPIRING,
	SIGNER_NOT_LISTED,
	EXTENSION_SOONER,
	SIGNATURE_OTHER,
	SIGNATURE_INVALID,
	APP_ID_MISMATCH,
	ENCRYPTED
};

static const struct {
	const char *name;
	enum level level;
} codes[] = {
	[STORE_SIGNED]		= { "store_signed", ERROR },
	[WRONG_PLATFORM]	= { "wrong_platform", ERROR },
	[BUNDLE_VERSION_MISSING] = { "bundle_version_missing", ERROR },
	[NO_PROVISION]		= { "no_provision", ERROR },
	[PROVISION_EXPIRED]	= { "provision_expired", ERROR },
	[PROVISION_EXPIRING]	= { "provision_expiring", WARNING },
	[CERTIFICATE_EXPIRED]	= { "certificate_expired", ERROR },
	[CERTIFICATE_EXPIRING]	= { "certificate_expiring", WARNING },
	[SIGNER_NOT_LISTED]	= { "signer_not_listed", ERROR },
	[EXTENSION_SOONER]	= { "extension_sooner", WARNING },
	[SIGNATURE_OTHER]	= { "signature_other", ERROR },
	[SIGNATURE_INVALID]	= { "signature_invalid", ERROR },
	[APP_ID_MISMATCH]	= { "app_id_mismatch", ERROR },
	[ENCRYPTED]		= { "encrypted", ERROR },
};

struct verdict {
	json_t *reasons;
	time_t now;
	bool tests;		/* signed under a test root: nothing about signing is an error */
	bool installable;
};

/* The app or one of the bundles inside it. */
struct bundle {
	const char *prefix;	/* "extension Share.appex: "; "" for the app */
	const char *its;	/* "The app's provision", "its provision" */
	const char *id;
	json_t *provision;
	json_t *code;
	bool main;
};

static void PRINTF(4, 5)
add_as(struct verdict *v, enum code code, enum level level, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = mem_vprintf(NULL, fmt, ap);
	va_end(ap);
	json_array_append_new(v->reasons, json_pack("{s:s, s:s, s:s}", "code", codes[code].name,
						    "level", level_names[level], "text", text));
	talloc_free(text);
	if (level == ERROR)
		v->installable = false;
}

#define add(v, code, ...) add_as(v, code, codes[code].level, __VA_ARGS__)

struct day {
	char text[40];		/* "20 November 2026" */
};

static struct day
day(time_t at)
{
	struct day d = { "a day beyond reckoning" };
	struct tm tm;

	if (gmtime_r(&at, &tm))
		strftime(d.text, sizeof d.text, "%e %B %Y", &tm);
	if (d.text[0] == ' ')
		memmove(d.text, d.text + 1, sizeof d.text - 1);
	return d;
}

static const char *
text_at(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool
time_at(json_t *object, const char *key, time_t *ret)
{
	struct err err;

	return clock_parse(text_at(object, key), ret, &err);
}

static void
judge_platform(struct verdict *v, json_t *facts)
{
	static const struct {
		const char *platform, *people;
	} others[] = { { "appletv", "Apple TV" },
		       { "watch", "Apple Watch" },
		       { "macos", "the Mac" },
		       { "xr", "Apple Vision" } };
	const char *platform = text_at(facts, "platform"), *people = platform;

	if (!*platform || strcmp(platform, "iphoneos") == 0)
		return;
	if (strstr(platform, "simulator")) {
		add(v, WRONG_PLATFORM,
		    "This build is for the simulator and runs on no device. Archive the app for "
		    "\"Any iOS Device\", export it and upload that .ipa.");
		return;
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strncmp(platform, others[i].platform, strlen(others[i].platform)) == 0)
			people = others[i].people;
	add(v, WRONG_PLATFORM,
	    "This app is made for %s and cannot be installed on an iPhone or iPad. "
	    "Upload the build for iOS.",
	    people);
}

/* Every iOS asks for it at the end of an install, and a manifest names it. */
static void
judge_version(struct verdict *v, json_t *facts)
{
	if (!*text_at(facts, "build"))
		add(v, BUNDLE_VERSION_MISSING,
		    "Info.plist has no CFBundleVersion, or one that is not a text, and devices refuse the "
		    "app. Give it one (CURRENT_PROJECT_VERSION in Xcode), a string such as \"42\", and build it again.");
}

static void
judge_binary(struct verdict *v, json_t *facts)
{
	json_t *binary = json_object_get(facts, "binary");

	if (json_is_true(json_object_get(binary, "encrypted")))
		add(v, ENCRYPTED,
		    "This is a copy from the App Store: it is encrypted for the Apple Account that "
		    "bought it. Upload the .ipa that was exported from Xcode instead.");
	else if (json_is_object(json_object_get(facts, "provision")) &&
		 !json_is_true(json_object_get(binary, "signed")))
		add_as(v, SIGNATURE_INVALID, v->tests ? WARNING : ERROR,
		       "The app's executable carries no code signature, and devices refuse it. "
		       "Sign the app and upload it once more.");
}

static void
judge_signature(struct verdict *v, const struct bundle *b)
{
	const char *signature = text_at(b->provision, "signature");

	if (strcmp(signature, "other:test") == 0 && !b->main && v->tests)
		return;		/* said of the app already */
	if (strcmp(signature, "other:test") == 0)
		add_as(v, SIGNATURE_OTHER, WARNING,
		       "%s%s is signed under a root that this server trusts for tests. "
		       "Real devices refuse it.",
		       b->prefix, b->its);
	else if (strcmp(signature, "other") == 0)
		add(v, SIGNATURE_OTHER,
		    "%s%s is signed, but not by Apple, and devices refuse it. Use one from "
		    "Apple's developer portal and sign the app again.",
		    b->prefix, b->its);
	else if (strcmp(signature, "unsigned") == 0)
		add(v, SIGNATURE_INVALID,
		    "%s%s is not signed by anybody, and devices refuse it. Use one from "
		    "Apple's developer portal and sign the app again.",
		    b->prefix, b->its);
	else if (strcmp(signature, "apple") != 0)
		add(v, SIGNATURE_INVALID,
		    "%s%s was changed after it was signed, and devices refuse it. Fetch it anew "
		    "from Apple's developer portal and sign the app again.",
		    b->prefix, b->its);
}

static void
judge_dates(struct verdict *v, const struct bundle *b)
{
	time_t expires;

	if (!time_at(b->provision, "expires", &expires))
		return;
	if (expires <= v->now)
		add(v, PROVISION_EXPIRED,
		    "%s%s ran out on %s. Sign it again with a current one and upload it "
		    "once more.",
		    b->prefix, b->its, day(expires).text);
	else if (expires - v->now <= VERDICT_EXPIRING_DAYS * DAY_S)
		add(v, PROVISION_EXPIRING,
		    "%s%s runs out on %s, and the app then stops working. Renew it in Apple's "
		    "developer portal; uploading the new provision is enough.",
		    b->prefix, b->its, day(expires).text);
}

static void
say_expired(struct verdict *v, const struct bundle *b, json_t *cert, time_t at)
{
	add(v, CERTIFICATE_EXPIRED,
	    "%sThe signing certificate \"%s\" ran out on %s, and devices refuse what it "
	    "signed. Make a new certificate and provision and sign the app again.",
	    b->prefix, text_at(cert, "subject"), day(at).text);
}

static void
say_expiring(struct verdict *v, const struct bundle *b, json_t *cert, time_t at, const char *more)
{
	add(v, CERTIFICATE_EXPIRING,
	    "%sThe signing certificate \"%s\" runs out on %s%s. Make a new one and sign "
	    "the app again before that day.",
	    b->prefix, text_at(cert, "subject"), day(at).text, more);
}

/* The certificate that signed the executable; NULL: not known. */
static json_t *
signer_of(const json_t *code)
{
	json_t *signer = json_object_get(code, "certificate");

	return *text_at(signer, "sha1") ? signer : NULL;
}

/* A device takes what one of the provision's own certificates has signed, as long as that one lasts. */
static void
judge_signer(struct verdict *v, const struct bundle *b, json_t *provision)
{
	json_t *signer = signer_of(b->code), *cert;
	bool listed = false;
	time_t at;
	size_t i;

	json_array_foreach(json_object_get(provision, "certificates"), i, cert)
		listed = listed || strcmp(text_at(cert, "sha1"), text_at(signer, "sha1")) == 0;
	if (!listed)
		add_as(v, SIGNER_NOT_LISTED, v->tests ? WARNING : ERROR,
		       "%sThe signing certificate \"%s\" is none of the provision's, and devices refuse what "
		       "it signed. Sign with a certificate of the provision, or make a provision that has it.",
		       b->prefix, text_at(signer, "subject"));
	if (!time_at(signer, "expires", &at))
		return;
	if (at <= v->now)
		say_expired(v, b, signer, at);
	else if (at - v->now <= VERDICT_EXPIRING_DAYS * DAY_S)
		say_expiring(v, b, signer, at, "");
}

/*
 * Which of the certificates has signed it is not known, so it is certain that it has run out
 * only when all have; the next to run out may be the one.
 */
static void
judge_certificates(struct verdict *v, const struct bundle *b)
{
	json_t *list = json_object_get(b->provision, "certificates"), *cert, *soonest = NULL,
	       *latest = NULL;
	time_t soonest_at = 0, latest_at = 0, at;
	size_t i;

	json_array_foreach(list, i, cert) {
		if (!time_at(cert, "expires", &at))
			continue;
		if (!latest || at > latest_at) {
			latest = cert;
			latest_at = at;
		}
		if (at > v->now && (!soonest || at < soonest_at)) {
			soonest = cert;
			soonest_at = at;
		}
	}
	if (latest && latest_at <= v->now)
		say_expired(v, b, latest, latest_at);
	else if (soonest && soonest_at - v->now <= VERDICT_EXPIRING_DAYS * DAY_S)
		say_expiring(v, b, soonest, soonest_at,
			     json_array_size(list) > 1 ? "; it is one of several that may have signed the app" : "");
}

static void
judge_bundle(struct verdict *v, const struct bundle *b, json_t *main)
{
	struct provision covers = { .app_id = text_at(b->provision, "app_id") };

	if (!json_is_object(b->provision)) {
		/* A bundle inside the app may live under the app's own, when that covers its id. */
		covers.app_id = text_at(main, "app_id");
		if (b->main)
			add(v, NO_PROVISION,
			    "The app carries no readable provision (embedded.mobileprovision), so "
			    "no device may "
			    "install it. Export it with the method Ad Hoc, Enterprise or "
			    "Development.");
		else if (json_is_object(main) && !provision_covers(&covers, b->id))
			add(v, NO_PROVISION,
			    "%sit carries no provision, and the app's does not cover \"%s\". "
			    "Export "
			    "the app again with a provision for it.",
			    b->prefix, b->id);
		else if (json_is_object(main) && signer_of(b->code))
			judge_signer(v, b, main);
		return;
	}
	if (strcmp(text_at(b->provision, "kind"), "store") == 0 &&
	    (b->main || strcmp(text_at(main, "kind"), "store") != 0))
		add(v, STORE_SIGNED,
		    "%s%s is for the App Store and TestFlight and admits no device. Export the app "
		    "with the method Ad Hoc, Enterprise or Development.",
		    b->prefix, b->its);
	judge_signature(v, b);
	judge_dates(v, b);
	if (signer_of(b->code))
		judge_signer(v, b, b->provision);
	else
		judge_certificates(v, b);
	if (!provision_covers(&covers, b->id))
		add(v, APP_ID_MISMATCH,
		    "%s%s is for \"%s\" and does not cover the bundle id \"%s\". Sign again with a "
		    "provision for that id.",
		    b->prefix, b->its, covers.app_id, b->id);
}

static void
judge_extension(struct verdict *v, json_t *extension, json_t *main)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	const char *path = text_at(extension, "path"), *slash = strrchr(path, '/');
	const char *what = strncmp(path, "AppClips/", 9) == 0 ? "app clip"
			   : strlen(path) > 4 && strcmp(path + strlen(path) - 4, ".app") == 0
				   ? "watch app"
				   : "extension";
	struct bundle b = { mem_printf(tmp, "%s %s: ", what, slash ? slash + 1 : path),
			    "its provision", text_at(extension, "bundle_id"),
			    json_object_get(extension, "provision"), json_object_get(extension, "code"), false };
	time_t ends, main_ends;

	judge_bundle(v, &b, main);
	/* Provisions made in one go differ by seconds. */
	if (time_at(b.provision, "expires", &ends) && time_at(main, "expires", &main_ends) &&
	    ends > v->now && ends < main_ends - DAY_S)
		add(v, EXTENSION_SOONER,
		    "%sits provision runs out on %s, before the app's on %s; the app stops working "
		    "on the earlier day.",
		    b.prefix, day(ends).text, day(main_ends).text);
}

void
verdict_add(json_t *facts, time_t now)
{
	json_t *extension, *provision = json_object_get(facts, "provision");
	struct verdict v = { json_array(), now,
			     strcmp(text_at(provision, "signature"), "other:test") == 0, true };
	struct bundle app = { "", "The app's provision", text_at(facts, "bundle_id"), provision,
			      json_object_get(facts, "code"), true };
	size_t i;

	judge_platform(&v, facts);
	judge_version(&v, facts);
	judge_binary(&v, facts);
	judge_bundle(&v, &app, provision);
	json_array_foreach(json_object_get(facts, "extensions"), i, extension)
		judge_extension(&v, extension, provision);
	json_object_set_new(facts, "verdict", json_pack("{s:b, s:o}", "installable", v.installable,
							"reasons", v.reasons));
}

static void
look_at_date(const json_t *dated, time_t now, int64_t *soonest)
{
	time_t expires, warned;

	if (!time_at((json_t *)(uintptr_t)dated, "expires", &expires))
		return;
	warned = expires - VERDICT_EXPIRING_DAYS * DAY_S;
	if (warned > now && warned < *soonest)
		*soonest = warned;
	if (expires > now && expires < *soonest)
		*soonest = expires;
}

/* The app or a bundle inside it. */
static void
look_at_bundle(const json_t *bundle, time_t now, int64_t *soonest)
{
	const json_t *provision = json_object_get(bundle, "provision"), *signer = signer_of(json_object_get(bundle, "code"));
	json_t *cert;
	size_t i;

	look_at_date(provision, now, soonest);
	if (signer) {
		look_at_date(signer, now, soonest);
		return;
	}
	json_array_foreach(json_object_get(provision, "certificates"), i, cert)
		look_at_date(cert, now, soonest);
}

int64_t
verdict_holds_until(const json_t *facts, time_t now)
{
	int64_t soonest = INT64_MAX;
	json_t *extension;
	size_t i;

	look_at_bundle(facts, now, &soonest);
	json_array_foreach(json_object_get(facts, "extensions"), i, extension)
		look_at_bundle(extension, now, &soonest);
	return soonest;
}

/* Ends with its provision, and with the certificate that signed it: where that is not known, with the last. */
static void
look_at_end(const json_t *bundle, int64_t *end)
{
	json_t *provision = json_object_get(bundle, "provision"), *signer = signer_of(json_object_get(bundle, "code")), *cert;
	time_t at, last = 0;
	size_t i;

	if (time_at(provision, "expires", &at) && at < *end)
		*end = at;
	if (signer && time_at(signer, "expires", &at) && at < *end)
		*end = at;
	json_array_foreach(json_object_get(provision, "certificates"), i, cert)
		if (!signer && time_at(cert, "expires", &at) && at > last)
			last = at;
	if (last && last < *end)
		*end = last;
}

int64_t
verdict_installs_until(json_t *facts, time_t now)
{
	int64_t end = INT64_MAX;
	json_t *extension;
	size_t i;

	verdict_add(facts, now);
	if (!json_is_true(json_object_get(json_object_get(facts, "verdict"), "installable")))
		return 0;
	look_at_end(facts, &end);
	json_array_foreach(json_object_get(facts, "extensions"), i, extension)
		look_at_end(extension, &end);
	return end;
}
