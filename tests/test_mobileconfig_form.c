/*
 * Mobileconfigs as forms: judged, completed, written and read; each judged by Apple's schema and opened with
 * openssl.  MUSTs 54 to 57 and 59 of docs/conformance.md.
 */
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "tests/check_payload.h"
#include "tests/check_authority.h"
#include "core/plist.h"
#include "mdm/cms.h"
#include "mdm/mobileconfig_form.h"

#define IDENTIFIER "com.example.apps.all"

static json_t *
form_of(const char *text)
{
	json_error_t why;
	json_t *form = json_loads(text, JSON_REJECT_DUPLICATES, &why);

	if (!form)
		fail_msg("%s in %s", why.text, text);
	return form;
}

static struct bytes
bytes_of(const struct buf *out)
{
	return (struct bytes){ out->p, out->len };
}

static void
put(const char *path, const void *p, size_t len)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(p, 1, len, file), len);
	fclose(file);
}

/* ---- a phone's identity, made by openssl ---- */

struct identity { struct bytes cert; EVP_PKEY *key; X509 *x509; const char *dir; };

/* One for all tests, as files of each. */
static struct identity
identity_of(TALLOC_CTX *ctx)
{
	static const char *const names[] = { "key.pem", "cert.pem", "cert.der" };
	static struct bytes files[3];
	struct identity id = { .dir = test_here(ctx) };
	struct err err;
	BIO *bio;

	if (!files[0].p) {
		test_ask_ok(ctx, mem_printf(ctx, "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 "
					    "-subj /CN=phone && openssl x509 -in cert.pem -outform DER -out cert.der", id.dir));
		for (int i = 0; i < 3; i++)
			files[i] = test_file(NULL, mem_printf(ctx, "%s/%s", id.dir, names[i]));
	}
	for (int i = 0; i < 3; i++)
		put(mem_printf(ctx, "%s/%s", id.dir, names[i]), files[i].p, files[i].len);
	bio = BIO_new_mem_buf(files[0].p, (int)files[0].len);
	id.key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_non_null(id.key);
	id.cert = files[2];
	assert_ok(x509_read_der(id.cert, &id.x509, &err), &err);
	return id;
}

static void
forget(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->x509);
}

/* EncryptedPayloadContent of a mobileconfig. */
static struct bytes
sealed_of(TALLOC_CTX *ctx, const struct buf *out)
{
	plist_t root SCOPED(plist) = NULL;
	struct err err;

	assert_ok(plist_open(bytes_of(out), PLIST_BYTES_MAX, &root, &err), &err);
	assert_null(plist_at(root, "PayloadContent"));
	return plist_data_of(ctx, plist_at(root, "EncryptedPayloadContent"));
}

static char *
opened(TALLOC_CTX *ctx, const struct identity *id, const struct buf *out)
{
	struct bytes der = sealed_of(ctx, out);
	const unsigned char *p = der.p;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *from;
	long len;

	assert_non_null(cms);
	assert_int_equal(CMS_decrypt(cms, id->key, id->x509, NULL, bio, CMS_BINARY), 1);
	len = BIO_get_mem_data(bio, &from);
	text = mem_textn(ctx, from, (size_t)len);
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
	return text;
}

/*
 * What passes for a mobileconfig, and what for its opened payloads ("-array.plist"); one python for all of them.  The
 * judge knows keys alone: that a per-app VPN has those of a VPN too is a sentence of Apple's schema, and a VPN's
 * RemoteAddress, AuthName and AuthPassword and the free keys of VendorConfig are not in its snapshot, but in Apple's
 * Configuration Profile Reference.  ConsentText has one level more in the schema than in its own sentence, in Apple's page
 * "TopLevel" and on a phone: there its keys are the languages.  It is told of them here, in a hand of its own, and not
 * from our table.
 */
#define JUDGE "import sys, glob; sys.path.insert(0, sys.argv[1]); import check_plist as c; s = c.Store(); c.Store = lambda: s\n" \
	"keys = lambda t: s.named('payload', 'com.apple.vpn.' + t)[0]['payloadkeys']\n" \
	"under = lambda n: next(k for k in keys('managed') if k['key'] == n)['subkeys']\n" \
	"under('VPN').extend({'key': k, 'type': '<string>'} for k in ('RemoteAddress', 'AuthName', 'AuthPassword'))\n" \
	"under('VendorConfig').append({'key': 'ANY', 'type': '<any>'})\n" \
	"keys('managed.applayer').extend(keys('managed'))\n" \
	"top = s.get('mdm/profiles/TopLevel.yaml')['payloadkeys']\n" \
	"next(k for k in top if k['key'] == 'ConsentText')['subkeys'] = [{'key': 'ANY', 'type': '<string>'}]\n" \
	"bad = 0\n" \
	"for f in sorted(glob.glob(sys.argv[2] + '/*.plist')):\n" \
	"    kind = 'payload-array' if f.endswith('-array.plist') else 'profile'\n" \
	"    sys.argv[1:] = ['--quiet', '--enrollment', 'supervised', kind, f]; r = c.main(); bad += r\n" \
	"    if r: print('   in', f)\n" \
	"sys.exit(min(bad, 9))"

static void
judge_all(TALLOC_CTX *ctx, const char *shared, const char *dir)
{
	int status;
	char *said = test_ask(ctx, mem_printf(ctx, "python3 -B -c \"%s\" '%.*s' '%s'", JUDGE,
			      (int)(strlen(shared) - strlen("/check_plist.py")), shared, dir), &status);

	if (status != 0)
		fail_msg("%s", said);
}

static void
written_for(TALLOC_CTX *ctx, const json_t *form, struct bytes cert, struct buf *out)
{
	struct err err;

	buf_init(out, ctx, FORM_OUT_MAX);
	assert_ok(mobileconfig_form_write(ctx, form, IDENTIFIER, cert, out, &err), &err);
}

static void
must_54_every_payload_type_with_every_key_passes_the_judge_of_apples_schema(void **state)
{
	const char *shared = test_shared(*state, "apple-schema/check_plist.py"), *dir = test_dir(*state), *name;
	struct identity id;
	struct err err;
	struct buf out;
	json_t *form;
	int n = 0;

	if (!shared)
		test_skip("no apple-schema to judge by");
	id = identity_of(*state);
	for (const struct apple_fact *f = payload_facts(); f; f = f->next, n++) {
		if (strcmp(f->name, "com.apple.profileRemovalPassword") == 0)
			continue;
		form = test_payload_form(*state, f, NULL);
		assert_ok(mobileconfig_form_judge(form, &err), &err);
		written_for(*state, form, id.cert, &out);
		name = mem_printf(*state, "%s/%s-%d", dir, f->name, n);
		put(mem_printf(*state, "%s.plist", name), out.p, out.len);
		put(mem_printf(*state, "%s-array.plist", name), "", 0);
		name = opened(*state, &id, &out);
		put(mem_printf(*state, "%s/%s-%d-array.plist", dir, f->name, n), name, strlen(name));
		json_decref(form);
	}
	assert_int_equal(n, 48);
	judge_all(*state, shared, dir);
	forget(&id);
}

/* Whoever changes a table by hand loses that with the next schema. */
static void
the_tables_are_what_their_scripts_make_of_apples_schema(void **state)
{
	const char *shared = test_shared(*state, "apple-schema/apple");

	if (!shared)
		test_skip("no apple-schema");
	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? "command" : "payload";

		test_ask_ok(*state, mem_printf(*state, "python3 -B mdm/%s_facts.py '%s' | cmp - mdm/%s_facts.tsv", name, shared, name));
	}
}

/* In so many words, and not by the table. */
#define PER_APP "{\"name\":\"a\",\"payloads\":[{\"id\":\"vpn\",\"type\":\"com.apple.vpn.managed.applayer\",\"keys\":{%s}}]}"
#define IKEV2	"\"UserDefinedName\":\"Office\",\"IKEv2\":{\"RemoteAddress\":\"vpn.example.com\",\"RemoteIdentifier\":\"vpn.example.com\"," \
		"\"LocalIdentifier\":\"phone\",\"AuthenticationMethod\":\"None\",\"ExtendedAuthEnabled\":1,\"AuthPassword\":\"sesame\"}"

static void
must_54_a_vpn_of_single_apps_has_the_keys_of_a_vpn_and_its_own(void **state)
{
	static const char *const wrong[][2] = {
		{ "\"VPNUUID\":\"u\"", "the key VPNType is missing" },
		{ "\"VPNUUID\":\"u\",\"VPNType\":\"IKEv2\"", "the key UserDefinedName is missing" },
		{ "\"VPNType\":\"IKEv2\"," IKEV2, "the key VPNUUID is missing" },
		{ "\"VPNUUID\":\"u\",\"VPNType\":\"PPTP\"," IKEV2, "is none of" },
		{ "\"VPNUUID\":\"u\",\"VPNType\":\"IKEv2\",\"SSID_STR\":\"a\"," IKEV2, "iOS has no key \"SSID_STR\" here" },
	};
	json_t *form = form_of(mem_printf(*state, PER_APP, "\"VPNType\":\"IKEv2\",\"VPNUUID\":\"u\",\"SafariDomains\":[\"example.com\"]," IKEV2));
	const char *shared = test_shared(*state, "apple-schema/check_plist.py"), *dir = test_dir(*state), *inner;
	struct identity id = identity_of(*state);
	struct err err;
	struct buf out;

	assert_ok(mobileconfig_form_judge(form, &err), &err);
	assert_true(mobileconfig_form_secret(form));
	written_for(*state, form, id.cert, &out);
	inner = opened(*state, &id, &out);
	assert_non_null(strstr(inner, "<key>IKEv2</key><dict>\n<key>RemoteAddress</key><string>vpn.example.com</string>"));
	assert_non_null(strstr(inner, "<key>VPNUUID</key><string>u</string>"));
	assert_non_null(strstr(inner, "<key>UserDefinedName</key><string>Office</string>"));
	put(mem_printf(*state, "%s/per-app-array.plist", dir), inner, strlen(inner));
	if (shared)
		judge_all(*state, shared, dir);
	json_decref(form);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		form = form_of(mem_printf(*state, PER_APP, wrong[i][0]));
		assert_false(mobileconfig_form_judge(form, &err));
		assert_string_equal(err.code, "bad_mobileconfig");
		assert_non_null(strstr(err.cause, wrong[i][1]));
		json_decref(form);
	}
	forget(&id);
}

/* Its schema has no 802.1X key of it, and names them in a sentence. */
static void
an_ethernet_has_the_8021x_keys_of_wifi_and_takes_others(void **state)
{
	static const char text[] = "{\"name\":\"a\",\"payloads\":[{\"id\":\"e\",\"type\":\"com.apple.globalethernet.managed\",\"keys\":"
				   "{\"Interface\":\"AnyEthernet\",\"EAPClientConfiguration\":{\"AcceptEAPTypes\":[%d],\"UserPassword\":\"sesame\"}}}]}";
	json_t *form = form_of(mem_printf(*state, text, 25)), *masked;
	struct err err;
	char *shown;

	assert_ok(mobileconfig_form_judge(form, &err), &err);
	assert_true(mobileconfig_form_secret(form));
	masked = mobileconfig_form_masked(form);
	shown = json_dumps(masked, 0);
	assert_null(strstr(shown, "sesame"));
	free(shown);
	json_decref(masked);
	json_decref(form);
	form = form_of(mem_printf(*state, text, 99));
	assert_false(mobileconfig_form_judge(form, &err));
	assert_non_null(strstr(err.cause, "99 is none of 13|17|18|21|23|25|43"));
	json_decref(form);
}

static void
a_vpn_of_an_app_names_its_server_and_has_what_its_maker_wants(void **state)
{
	json_t *form = form_of("{\"name\":\"a\",\"payloads\":[{\"id\":\"vpn\",\"type\":\"com.apple.vpn.managed\",\"keys\":{\"VPNType\":\"VPN\","
			       "\"VPNSubType\":\"com.paloaltonetworks.globalprotect.vpn\",\"UserDefinedName\":\"Office\",\"VPN\":{\"RemoteAddress\":"
			       "\"vpn.example.com\",\"AuthName\":\"%username%\",\"AuthPassword\":\"sesame\",\"AuthenticationMethod\":\"Password\"},"
			       "\"VendorConfig\":{\"Group\":\"staff\",\"mobile_id\":\"%serial%\",\"retries\":3,\"apiToken\":\"open it\"}}}]}"), *masked;
	const char *shared = test_shared(*state, "apple-schema/check_plist.py"), *dir = test_dir(*state), *inner;
	struct identity id = identity_of(*state);
	struct err err;
	struct buf out;
	char *shown;

	assert_ok(mobileconfig_form_judge(form, &err), &err);
	masked = mobileconfig_form_masked(form);
	shown = json_dumps(masked, 0);
	assert_null(strstr(shown, "sesame"));
	assert_null(strstr(shown, "open it"));
	assert_non_null(strstr(shown, "vpn.example.com"));
	free(shown);
	json_decref(masked);
	written_for(*state, form, id.cert, &out);
	assert_null(strstr(buf_str(&out), "sesame"));
	inner = opened(*state, &id, &out);
	assert_non_null(strstr(inner, "<key>RemoteAddress</key><string>vpn.example.com</string>"));
	assert_non_null(strstr(inner, "<key>AuthPassword</key><string>sesame</string>"));
	assert_non_null(strstr(inner, "<key>retries</key><integer>3</integer>"));
	put(mem_printf(*state, "%s/vpn-array.plist", dir), inner, strlen(inner));
	if (shared)
		judge_all(*state, shared, dir);
	json_decref(form);
	forget(&id);
}

static void
must_54_everything_of_the_envelope_passes_it_too_and_stands_where_ios_looks_for_it(void **state)
{
	const char *shared = test_shared(*state, "apple-schema/check_plist.py"), *dir = test_dir(*state), *inner;
	json_t *form = form_of("{\"name\":\"All\",\"description\":\"a\",\"organization\":\"b\",\"removal_password\":\"s3cret\",\"removable\":false,"
			       "\"remove_on\":\"2027-01-01T00:00:00Z\",\"remove_after_s\":3600,\"expires\":\"2027-02-01T00:00:00Z\","
			       "\"consent\":{\"default\":\"Yes & no?\",\"de\":\"Ja?\"},\"payloads\":[]}");
	struct identity id = identity_of(*state);
	struct buf out;
	const char *xml;

	written_for(*state, form, id.cert, &out);
	xml = buf_str(&out);
	assert_non_null(strstr(xml, "<key>HasRemovalPasscode</key><true/>"));
	assert_non_null(strstr(xml, "<key>PayloadRemovalDisallowed</key><true/>"));
	assert_non_null(strstr(xml, "<key>RemovalDate</key><date>2027-01-01T00:00:00Z</date>"));
	assert_non_null(strstr(xml, "<key>DurationUntilRemoval</key><real>3600</real>"));
	assert_non_null(strstr(xml, "<key>PayloadExpirationDate</key><date>2027-02-01T00:00:00Z</date>"));
	assert_non_null(strstr(xml, "<key>ConsentText</key><dict>\n<key>default</key><string>Yes &amp; no?</string>\n"
				    "<key>de</key><string>Ja?</string>\n</dict>"));
	assert_null(strstr(xml, "s3cret"));
	inner = opened(*state, &id, &out);
	assert_non_null(strstr(inner, "<string>com.apple.profileRemovalPassword</string>"));
	assert_non_null(strstr(inner, "<key>RemovalPassword</key><string>s3cret</string>"));
	if (shared) {
		put(mem_printf(*state, "%s/top.plist", dir), out.p, out.len);
		put(mem_printf(*state, "%s/top-array.plist", dir), inner, strlen(inner));
		judge_all(*state, shared, dir);
	}
	json_decref(form);
	forget(&id);
}

/* The certificate's holder opens it with openssl, and it is what iOS opens: AES-CBC, RSA PKCS #1 v1.5. */
static void
must_55_openssl_opens_an_encrypted_one_and_finds_an_array(void **state)
{
	json_t *form = form_of("{\"name\":\"Wi-Fi\",\"payloads\":[{\"id\":\"wifi\",\"type\":\"com.apple.wifi.managed\",\"keys\":"
			       "{\"SSID_STR\":\"house\",\"EncryptionType\":\"WPA2\",\"Password\":\"open sesame\"}}]}");
	struct identity id = identity_of(*state);
	struct bytes sealed;
	struct buf out;
	char *said;

	written_for(*state, form, id.cert, &out);
	assert_null(strstr(buf_str(&out), "open sesame"));
	assert_null(strstr(buf_str(&out), "house"));
	sealed = sealed_of(*state, &out);
	put(mem_printf(*state, "%s/sealed.der", id.dir), sealed.p, sealed.len);
	said = test_ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -decrypt -inform DER -binary -in sealed.der -recip cert.pem"
					      " -inkey key.pem", id.dir));
	assert_non_null(strstr(said, "<plist version=\"1.0\">\n<array>\n<dict>"));
	assert_non_null(strstr(said, "<key>Password</key><string>open sesame</string>"));
	said = test_ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -cmsout -print -inform DER -in sealed.der", id.dir));
	assert_says(said, "aes-256-cbc");
	assert_says(said, "algorithm: rsaEncryption");
	json_decref(form);
	forget(&id);
}

static struct cms_signer *
signer_of(TALLOC_CTX *ctx, const char *name, struct x509_made *ca)
{
	struct cms_signer *signer;
	struct x509_made leaf;
	const char *chain;
	struct err err;

	assert_ok(x509_make(ctx, "Example CA", NULL, 30, NULL, ca, &err), &err);
	assert_ok(x509_make(ctx, name, name, 30, ca, &leaf, &err), &err);
	chain = mem_printf(ctx, "%s%s", leaf.cert_pem, ca->cert_pem);
	assert_ok(cms_signer_read(ctx, (struct bytes){ chain, strlen(chain) }, (struct bytes){ leaf.key_pem, strlen(leaf.key_pem) },
				  &signer, &err), &err);
	return signer;
}

static void
must_54_a_signed_one_is_verified_by_openssl(void **state)
{
	json_t *form = form_of("{\"name\":\"Clip\",\"payloads\":[{\"id\":\"clip\",\"type\":\"com.apple.webClip.managed\",\"keys\":"
			       "{\"URL\":\"https://apps.example.com/c/x\",\"Label\":\"Apps\"}}]}");
	const char *dir = test_here(*state);
	struct x509_made ca;
	struct cms_signer *signer = signer_of(*state, "apps.example.com", &ca);
	struct bytes der;
	struct buf out;
	struct err err;

	written_for(*state, form, (struct bytes){ 0 }, &out);
	assert_ok(cms_sign(*state, signer, bytes_of(&out), &der, &err), &err);
	put(mem_printf(*state, "%s/signed.mobileconfig", dir), der.p, der.len);
	put(mem_printf(*state, "%s/ca.pem", dir), ca.cert_pem, strlen(ca.cert_pem));
	put(mem_printf(*state, "%s/wanted", dir), out.p, out.len);
	assert_says(test_ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -verify -inform DER -binary -in signed.mobileconfig"
					       " -CAfile ca.pem -purpose any -out plain 2>&1 && cmp plain wanted", dir)), "successful");
	json_decref(form);
}

/* ---- MUST 56: secrets ---- */

static bool
has_word(const char *text, const char *word)
{
	return strstr(text, word);
}

/* {"a":{"b":[{"Password":...}]}} around one secret, with what else is wanted. */
static json_t *
around_secret(const struct apple_fact *fact, const struct apple_fact *wanted)
{
	for (const struct apple_fact *f = fact->under; f; f = f->next) {
		json_t *inner;

		if (f == wanted)
			return json_pack("{s:o}", f->name, f->type == APPLE_DATA ? json_pack("{s:s}", "$data", "c2VzYW1l") :
					 f->type == APPLE_DICTIONARY ? json_pack("{s:s}", "X-Token", "sesame") : json_string("sesame"));
		if (!(inner = around_secret(f, wanted)))
			continue;
		if (f->type != APPLE_ARRAY)
			return json_pack("{s:o}", f->name, inner);
		json_t *item = json_incref(json_object_get(inner, f->under->name));

		json_decref(inner);
		return json_pack("{s:[o]}", f->name, item);
	}
	return NULL;
}

static int
each_secret(TALLOC_CTX *ctx, const struct apple_fact *payload, const struct apple_fact *fact)
{
	int n = 0;

	for (const struct apple_fact *f = fact->under; f; f = f->next) {
		struct err err = { 0 };
		json_t *form;
		struct buf out;

		n += each_secret(ctx, payload, f);
		if (!f->secret)
			continue;
		n++;
		form = json_pack("{s:s, s:[{s:s, s:s, s:b, s:o}]}", "name", "a", "payloads", "id", "it", "type", payload->name, "foreign", 1,
				 "keys", around_secret(payload, f));
		assert_true(mobileconfig_form_secret(form));
		buf_init(&out, ctx, FORM_OUT_MAX);
		assert_false(mobileconfig_form_write(ctx, form, IDENTIFIER, (struct bytes){ 0 }, &out, &err));
		assert_string_equal(err.code, "needs_identity");
		assert_int_equal(out.len, 0);
		json_decref(form);
	}
	return n;
}

/* The list of secrets is ours: a newer schema must not bring one that nobody marked. */
static void
check_named(const struct apple_fact *fact, const char *type)
{
	static const char *const words[] = { "password", "secret", "challenge", "passphrase", "privatekey", "token" };
	static const char *const none[] = { "passwordContentRegex", "XAuthPasswordEncryption", "OAuthTokenRequestURL", "TokenCard",
					    "OneTimeUserPassword", "SafariPasswordAutoFillDomainsItem", "passwordContentDescription" };

	for (const struct apple_fact *f = fact->under; f; f = f->next) {
		bool sounds = false;

		check_named(f, type);
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			sounds |= strcasestr(f->name, words[i]) != NULL;
		for (size_t i = 0; i < sizeof none / sizeof *none; i++)
			sounds &= strcmp(f->name, none[i]) != 0;
		if (sounds && (f->type == APPLE_STRING || f->type == APPLE_DATA) && !f->secret)
			fail_msg("%s: is %s no secret? mdm/payload_facts.py marks them", type, f->name);
	}
}

static void
every_key_that_sounds_like_a_secret_is_marked_as_one(void **state)
{
	(void)state;
	for (const struct apple_fact *f = payload_facts(); f; f = f->next)
		check_named(f, f->name);
	assert_true(apple_fact_under(payload_fact("com.apple.security.pkcs12"), "PayloadContent")->secret);
	assert_true(apple_fact_under(payload_fact("com.apple.eas.account"), "Certificate")->secret);
	assert_false(apple_fact_under(payload_fact("com.apple.security.root"), "PayloadContent")->secret);
}

static void
must_56_no_secret_of_any_payload_type_goes_out_in_the_open(void **state)
{
	json_t *form = form_of("{\"name\":\"a\",\"payloads\":[{\"id\":\"x\",\"type\":\"com.example.custom\",\"foreign\":true,\"keys\":"
			       "{\"deep\":[{\"apiToken\":\"sesame\"}]}}]}");
	struct identity id = identity_of(*state);
	struct buf out;
	int n = 0;

	for (const struct apple_fact *f = payload_facts(); f; f = f->next)
		if (strcmp(f->name, "com.apple.profileRemovalPassword") != 0)	/* it is removal_password, below */
			n += each_secret(*state, f, f);
	assert_true(n >= 30);

	/* Nor one of a type that nobody knows, by its name. */
	assert_true(mobileconfig_form_secret(form));
	written_for(*state, form, id.cert, &out);
	assert_false(has_word(buf_str(&out), "sesame"));
	assert_true(has_word(opened(*state, &id, &out), "sesame"));
	json_decref(form);
	form = form_of("{\"name\":\"a\",\"removal_password\":\"x\",\"payloads\":[]}");
	assert_true(mobileconfig_form_secret(form));
	json_decref(form);
	form = form_of("{\"name\":\"a\",\"payloads\":[{\"id\":\"x\",\"type\":\"com.apple.mobiledevice.passwordpolicy\",\"keys\":"
		       "{\"forcePIN\":true}},{\"id\":\"e\",\"type\":\"com.apple.eas.account\",\"keys\":{\"Host\":\"a\",\"Password\":\"\"}}]}");
	assert_false(mobileconfig_form_secret(form));
	json_decref(form);
	forget(&id);
}

static void
a_form_is_shown_without_its_secrets_and_gets_them_back(void **state)
{
	json_t *form = form_of("{\"name\":\"a\",\"removal_password\":\"s1\",\"payloads\":[{\"id\":\"v.1\",\"type\":\"com.apple.vpn.managed\",\"keys\":"
			       "{\"VPNType\":\"IPSec\",\"UserDefinedName\":\"x\",\"IPSec\":{\"SharedSecret\":{\"$data\":\"czI=\"},\"XAuthName\":\"me\"}}},"
			       "{\"id\":\"air\",\"type\":\"com.apple.airplay\",\"keys\":{\"Passwords\":[{\"DeviceName\":\"tv\",\"Password\":\"s3\"}]}}]}");
	json_t *masked, *back, *moved;
	struct err err;
	char *text;

	(void)state;
	masked = mobileconfig_form_masked(form);
	text = json_dumps(masked, 0);
	assert_false(has_word(text, "s1") || has_word(text, "czI=") || has_word(text, "s3"));
	assert_true(has_word(text, "me") && has_word(text, "tv"));
	free(text);
	assert_ok(mobileconfig_form_kept(masked, form, &back, &err), &err);
	assert_true(json_equal(form, back));
	json_decref(back);

	/* Not under a key where it would be seen, and nothing of nowhere. */
	moved = form_of("{\"name\":\"a\",\"payloads\":[{\"id\":\"air\",\"type\":\"com.apple.airplay\",\"keys\":{\"Passwords\":[{\"DeviceName\":"
			"{\"$kept\":\"air/Passwords/0/Password\"},\"Password\":\"x\"}]}}]}");
	assert_false(mobileconfig_form_kept(moved, form, &back, &err));
	assert_string_equal(err.code, "bad_mobileconfig");
	json_decref(moved);
	moved = form_of("{\"name\":\"a\",\"removal_password\":{\"$kept\":\"air/Passwords/7/Password\"}}");
	assert_false(mobileconfig_form_kept(moved, form, &back, &err));
	json_decref(moved);
	json_decref(masked);
	json_decref(form);
}

static void
a_preview_shows_all_but_the_secrets_of_every_payload_type(void **state)
{
	for (const struct apple_fact *f = payload_facts(); f; f = f->next) {
		json_t *form = test_payload_form(*state, f, NULL);
		struct err err;
		struct buf out;

		if (strcmp(f->name, "com.apple.profileRemovalPassword") != 0) {
			json_object_set_new(form, "removal_password", json_string("s3cret"));
			buf_init(&out, *state, FORM_OUT_MAX);
			assert_ok(mobileconfig_form_preview(*state, form, IDENTIFIER, &out, &err), &err);
			assert_non_null(strstr(buf_str(&out), "<key>RemovalPassword</key><string>••••</string>"));
			assert_null(strstr(buf_str(&out), "s3cret"));
			assert_non_null(strstr(buf_str(&out), "<key>PayloadContent</key><data>4oCi4oCi4oCi4oCi</data>"));	/* PKCS #12 */
			assert_null(strstr(buf_str(&out), "Password</key><string>x</string>"));
		}
		json_decref(form);
	}
}

static void
must_57_identifiers_and_uuids_stay_when_a_form_goes_out_again(void **state)
{
	const char *was = "{\"name\":\"Mail\",\"payloads\":[{\"id\":\"mail\",\"type\":\"com.apple.eas.account\",\"keys\":{\"Host\":\"a.example.com\"}},"
			  "{\"id\":\"clip\",\"type\":\"com.apple.webClip.managed\",\"keys\":{\"URL\":\"https://a.example.com\",\"Label\":\"a\"}}]}";
	const char *now = "{\"name\":\"Mail 2\",\"payloads\":[{\"id\":\"clip\",\"type\":\"com.apple.webClip.managed\",\"keys\":"
			  "{\"URL\":\"https://b.example.com\",\"Label\":\"b\"}},{\"id\":\"mail\",\"type\":\"com.apple.eas.account\",\"keys\":{\"Host\":\"b.example.com\"}}]}";
	const char *const texts[] = { was, now };
	const char *uuids[2][3];

	for (int i = 0; i < 2; i++) {
		plist_t root SCOPED(plist) = NULL;
		json_t *form = form_of(texts[i]);
		struct err err;
		struct buf out;

		written_for(*state, form, (struct bytes){ 0 }, &out);
		assert_ok(plist_open(bytes_of(&out), PLIST_BYTES_MAX, &root, &err), &err);
		uuids[i][0] = plist_text_at(*state, root, "PayloadUUID");
		for (size_t n = 0; n < 2; n++) {
			plist_t payload = plist_item_at(root, "PayloadContent", n);
			bool mail = strcmp(plist_text_at(*state, payload, "PayloadType"), "com.apple.eas.account") == 0;

			assert_string_equal(plist_text_at(*state, payload, "PayloadIdentifier"),
					    mail ? IDENTIFIER ".mail" : IDENTIFIER ".clip");
			uuids[i][mail ? 1 : 2] = plist_text_at(*state, payload, "PayloadUUID");
		}
		json_decref(form);
	}
	for (int n = 0; n < 3; n++)
		assert_string_equal(uuids[0][n], uuids[1][n]);
	assert_string_not_equal(uuids[0][0], uuids[0][1]);
	assert_string_not_equal(uuids[0][1], uuids[0][2]);
}

static void
must_59_a_scep_subject_is_nested_three_deep_and_its_url_has_no_query(void **state)
{
	json_t *form = form_of("{\"name\":\"a\",\"payloads\":[{\"id\":\"scep\",\"type\":\"com.apple.security.scep\",\"keys\":{\"PayloadContent\":"
			       "{\"URL\":\"https://apps.example.com/scep\",\"Keysize\":2048,\"Subject\":[[[\"O\",\"Example\"]],[[\"CN\",\"me\"]]]}}}]}");
	json_t *content = json_object_get(json_object_get(json_array_get(json_object_get(form, "payloads"), 0), "keys"), "PayloadContent");
	struct buf out;
	struct err err;

	written_for(*state, form, (struct bytes){ 0 }, &out);
	assert_non_null(strstr(buf_str(&out), "<key>Subject</key><array>\n<array>\n<array>\n<string>O</string>\n<string>Example</string>\n"
					      "</array>\n</array>\n<array>\n<array>\n<string>CN</string>\n<string>me</string>\n"));
	json_object_set_new(content, "Subject", json_pack("[[s, s]]", "CN", "me"));
	assert_false(mobileconfig_form_judge(form, &err));
	json_object_del(content, "Subject");
	json_object_set_new(content, "URL", json_string("https://apps.example.com/scep?x=1"));
	assert_false(mobileconfig_form_judge(form, &err));
	json_decref(form);
}

/* ---- refusals ---- */

#define ONE(type, keys) "{\"name\":\"a\",\"payloads\":[{\"id\":\"p\",\"type\":\"" type "\",\"keys\":" keys "}]}"

static void
what_ios_would_not_take_is_refused_with_the_place(void **state)
{
	static const struct { const char *form, *text; } rows[] = {
		{ "[]", "it must be a dictionary, and is an array" },
		{ "{\"payloads\":[]}", "it wants a name" },
		{ "{\"name\":\"a\",\"colour\":1}", "there is no \"colour\" here" },
		{ "{\"name\":\"a\",\"removable\":1}", "removable must be true or false" },
		{ "{\"name\":\"a\",\"expires\":\"soon\"}", "expires must be a date such as 2026-11-22T08:30:00Z" },
		{ "{\"name\":\"a\",\"remove_after_s\":0}", "remove_after_s must be a number of seconds, at most 315360000" },
		{ "{\"name\":\"a\",\"consent\":{\"d e\":\"x\"}}", "consent: \"d e\" must be a language such as de, and have a text" },
		{ "{\"name\":\"a\",\"payloads\":{}}", "payloads must be a list, and is a dictionary" },
		{ "{\"name\":\"a\",\"payloads\":[1]}", "payloads[0] must be a dictionary, and is an integer" },
		{ "{\"name\":\"a\",\"payloads\":[{\"id\":\"a b\"}]}", "payloads[0]: id must be 1 to 64 letters, digits, dots and dashes" },
		{ "{\"name\":\"a\",\"payloads\":[{\"id\":\"removal-password\"}]}", "payloads[0]: id must be 1 to 64 letters, digits, dots and dashes" },
		{ "{\"name\":\"a\",\"payloads\":[{\"id\":\"w\"}]}", "w: it wants a type" },
		{ "{\"name\":\"a\",\"payloads\":[{\"id\":\"w\",\"type\":\"com.apple.font\",\"keys\":[]}]}", "w: keys must be a dictionary, and is an array" },
		{ "{\"name\":\"a\",\"payloads\":[{\"id\":\"w\",\"type\":\"com.apple.caldav.account\",\"keys\":{\"CalDAVHostName\":\"a\"}},"
		  "{\"id\":\"w\",\"type\":\"com.apple.font\"}]}", "payloads[1]: there is another \"w\"" },
		{ "{\"name\":\"a\",\"payloads\":[{\"id\":\"a\",\"type\":\"com.apple.domains\"},{\"id\":\"b\",\"type\":\"com.apple.domains\"}]}",
		  "a: an iPhone takes one com.apple.domains alone, and b is another" },
		{ ONE("com.apple.wifi", "{}"), "p (com.apple.wifi): iOS has no payload type \"com.apple.wifi\"" },
		{ ONE("com.apple.dock", "{}"), "p (com.apple.dock): iOS has no payload type \"com.apple.dock\"" },
		{ ONE("com.apple.profileRemovalPassword", "{}"), "p: the removal password is not a payload here: it stands in removal_password" },
		{ ONE("com.apple.wifi.managed", "{\"SSID\":\"a\"}"), "p (com.apple.wifi.managed): iOS has no key \"SSID\" here" },
		{ ONE("com.apple.wifi.managed", "{\"SSID_STR\":1}"), "p (com.apple.wifi.managed): SSID_STR: must be a string, and is an integer" },
		{ ONE("com.apple.wifi.managed", "{\"AutoJoin\":\"yes\"}"), "p (com.apple.wifi.managed): AutoJoin: must be true or false, and is a string" },
		{ ONE("com.apple.wifi.managed", "{\"EncryptionType\":\"ROT13\"}"),
		  "p (com.apple.wifi.managed): EncryptionType: \"ROT13\" is none of WEP|WPA|WPA2|WPA3|Any|None" },
		{ ONE("com.apple.wifi.managed", "{\"EAPClientConfiguration\":{\"AcceptEAPTypes\":[13,99]}}"),
		  "p (com.apple.wifi.managed): EAPClientConfiguration: AcceptEAPTypes: [1]: 99 is none of 13|17|18|21|23|25|43" },
		{ ONE("com.apple.wifi.managed", "{\"PayloadCertificateUUID\":\"11111111-2222-3333-4444-555555555555\"}"),
		  "p (com.apple.wifi.managed): PayloadCertificateUUID: must be {\"$payload\": id} of a payload with that certificate" },
		{ ONE("com.apple.wifi.managed", "{\"PayloadCertificateUUID\":{\"$payload\":\"q\"}}"),
		  "p (com.apple.wifi.managed): PayloadCertificateUUID: there is no payload \"q\"" },
		{ ONE("com.apple.wifi.managed", "{\"PayloadCertificateUUID\":{\"$payload\":\"p\"}}"), "p (com.apple.wifi.managed): PayloadCertificateUUID: "
		  "wants an identity (SCEP, ACME or PKCS #12), and that payload is a com.apple.wifi.managed" },
		{ ONE("com.apple.wifi.managed", "{\"PayloadUUID\":\"x\"}"), "p (com.apple.wifi.managed): PayloadUUID is made here, of the payload's id, type and name" },
		{ ONE("com.apple.wifi.managed", "{\"PayloadDescription\":1}"), "p (com.apple.wifi.managed): PayloadDescription: must be a string, and is an integer" },
		{ ONE("com.apple.mobiledevice.passwordpolicy", "{\"minLength\":99}"), "p (com.apple.mobiledevice.passwordpolicy): minLength: 99 is none of 0..16" },
		{ ONE("com.apple.security.root", "{}"), "p (com.apple.security.root): the key PayloadContent is missing" },
		{ ONE("com.apple.security.root", "{\"PayloadContent\":{\"$data\":\"***\"}}"),
		  "p (com.apple.security.root): PayloadContent: must be data in base64, and is no base64" },
		{ ONE("com.apple.security.root", "{\"PayloadContent\":{\"$data\":\"AQID\"}}"),
		  "p (com.apple.security.root): PayloadContent: must be DER; PEM goes into com.apple.security.pem" },
		{ ONE("com.apple.security.pem", "{\"PayloadContent\":{\"$data\":\"MAMCAQE=\"}}"),
		  "p (com.apple.security.pem): PayloadContent: must be PEM; DER goes into com.apple.security.pkcs1" },
		{ ONE("com.apple.webClip.managed", "{\"URL\":\"https://a\",\"Label\":\"a\",\"Icon\":{\"$data\":\"AQID\"}}"), "p (com.apple.webClip.managed): Icon: must be a PNG" },
		{ ONE("com.apple.webClip.managed", "{\"URL\":\"https://a\",\"Label\":\"a\",\"Icon\":{\"$data\":\"iVBORw0KGgoAAAANSUhEUgAAAZEAAAGRCAYAAAA=\"}}"),
		  "p (com.apple.webClip.managed): Icon: 401 x 401 pixels, and at most 400 x 400 are shown" },
		{ ONE("com.apple.security.scep", "{\"PayloadContent\":{\"URL\":\"https://a\"}}"),
		  "p (com.apple.security.scep): PayloadContent: Keysize: must be 2048 or more; without it a phone makes 1024" },
		{ ONE("com.apple.security.scep", "{\"PayloadContent\":{\"URL\":\"https://a\",\"Subject\":[[[\"CN\"]]]}}"),
		  "p (com.apple.security.scep): PayloadContent: Subject: [0]: [0]: must have 2..2 items, and has 1" },
		{ ONE("com.apple.mdm", "{\"IdentityCertificateUUID\":{\"$payload\":\"p\"}}"), "p (com.apple.mdm): IdentityCertificateUUID: "
		  "wants an identity (SCEP, ACME or PKCS #12), and that payload is a com.apple.mdm" },
		{ ONE("com.apple.airplay", "{\"AllowList\":[{\"DeviceID\":\"zz\"}]}"),
		  "p (com.apple.airplay): AllowList: [0]: DeviceID: \"zz\" is not of the form ^([0-9A-Fa-f]{2}:){5}([0-9A-Fa-f]{2})$" },
		{ "{\"name\":\"a\",\"payloads\":[{\"id\":\"p\",\"type\":\"com.apple.dnsProxy.managed\",\"keys\":{\"AppBundleIdentifier\":\"a\","
		  "\"ProviderConfiguration\":{\"a\":null}}}]}", "p (com.apple.dnsProxy.managed): ProviderConfiguration: a: a property list has no null" },
		{ "{\"name\":\"a\",\"payloads\":[{\"id\":\"p\",\"type\":\"com.apple.dnsProxy.managed\",\"keys\":{\"AppBundleIdentifier\":\"a\","
		  "\"ProviderConfiguration\":{\"a\\u0001\":1}}}]}", "p (com.apple.dnsProxy.managed): ProviderConfiguration: a key holds a control character" },
	};
	char text[520];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *form = form_of(rows[i].form);
		struct err err = { 0 };

		if (mobileconfig_form_judge(form, &err))
			fail_msg("%s was taken", rows[i].form);
		assert_string_equal(err_text(&err, text, sizeof text), rows[i].text);
		assert_string_equal(err.code, "bad_mobileconfig");
		json_decref(form);
	}
}

static void
a_form_has_its_limits(void **state)
{
	json_t *form = form_of("{\"name\":\"a\",\"payloads\":[]}"), *payloads = json_object_get(form, "payloads"), *deep = json_object();
	struct err err;
	char *long_text;

	for (int i = 0; i <= FORM_PAYLOADS_MAX; i++)
		json_array_append_new(payloads, json_pack("{s:o, s:s, s:{s:s}}", "id", json_sprintf("p%d", i), "type", "com.apple.caldav.account",
							  "keys", "CalDAVHostName", "a"));
	assert_false(mobileconfig_form_judge(form, &err));
	assert_non_null(strstr(err.cause, "65 payloads"));
	json_array_clear(payloads);

	for (int i = 0; i < FORM_DEPTH_MAX + 1; i++)
		deep = json_pack("{s:o}", "a", deep);
	json_array_append_new(payloads, json_pack("{s:s, s:s, s:{s:s, s:o}}", "id", "p", "type", "com.apple.dnsProxy.managed", "keys",
						  "AppBundleIdentifier", "a", "ProviderConfiguration", deep));
	assert_false(mobileconfig_form_judge(form, &err));
	assert_non_null(strstr(err.cause, "deeper than"));
	json_array_clear(payloads);

	long_text = mem_size(*state, FORM_BYTES_MAX + 1);
	memset(long_text, '&', FORM_BYTES_MAX);
	long_text[FORM_BYTES_MAX] = '\0';
	json_array_append_new(payloads, json_pack("{s:s, s:s, s:{s:s}}", "id", "p", "type", "com.apple.ldap.account", "keys",
						  "LDAPAccountHostName", long_text));
	assert_false(mobileconfig_form_judge(form, &err));
	assert_int_equal(err.kind, ERR_LIMIT);

	/* Short as JSON, long as XML. */
	long_text[FORM_BYTES_MAX / 2] = '\0';
	json_object_set_new(json_object_get(json_array_get(payloads, 0), "keys"), "LDAPAccountHostName", json_string(long_text));
	assert_false(mobileconfig_form_judge(form, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	json_decref(form);
}

/* ---- variables ---- */

static const char *
value_of(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "username") == 0 ? "j<q>%email%" : strcmp(name, "employeeNumber") == 0 ? "42" : strcmp(name, "empty") == 0 ? "" : NULL;
}

static void
variables_are_filled_in_and_what_is_missing_is_named_all_at_once(void **state)
{
	json_t *form = form_of("{\"name\":\"%username%\",\"payloads\":[{\"id\":\"m\",\"type\":\"com.apple.eas.account\",\"name\":\"100% %%x%%\",\"keys\":"
			       "{\"Host\":\"a%c3%a4%2F%20%employeeNumber%\",\"UserName\":\"%username%\",\"EmailAddress\":\"%% %user name%\"}}]}");
	json_t *filled, *names, *keys;
	struct buf out;
	struct err err;

	assert_ok(mobileconfig_form_judge(form, &err), &err);
	names = mobileconfig_form_variables(form);
	assert_int_equal(json_array_size(names), 2);
	json_decref(names);
	assert_ok(mobileconfig_form_fill(form, value_of, NULL, &filled, &err), &err);
	keys = json_object_get(json_array_get(json_object_get(filled, "payloads"), 0), "keys");
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(filled, "payloads"), 0), "name")), "100% %x%");
	assert_string_equal(json_string_value(json_object_get(keys, "Host")), "a%c3%a4%2F%2042");
	assert_string_equal(json_string_value(json_object_get(keys, "UserName")), "j<q>%email%");	/* not looked at again */
	assert_string_equal(json_string_value(json_object_get(keys, "EmailAddress")), "% %user name%");
	written_for(*state, filled, (struct bytes){ 0 }, &out);
	assert_non_null(strstr(buf_str(&out), "<key>UserName</key><string>j&lt;q&gt;%email%</string>"));
	json_decref(filled);
	json_decref(form);

	form = form_of("{\"name\":\"%department%\",\"removal_password\":\"%pin%\",\"payloads\":[{\"id\":\"m\",\"type\":\"com.apple.eas.account\",\"keys\":"
		       "{\"Host\":\"%upn%%department%\",\"UserName\":\"%username%%empty%\"}}]}");
	assert_false(mobileconfig_form_fill(form, value_of, NULL, &filled, &err));
	assert_string_equal(err.code, "missing_variable");
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_string_equal(err.cause, "nothing is known for %department%, %pin%, %upn%, %empty%");
	json_decref(form);
}

static void
what_a_variable_brings_is_judged_before_it_goes_out(void **state)
{
	json_t *form = form_of(ONE("com.apple.wifi.managed", "{\"SSID_STR\":\"a\",\"EncryptionType\":\"%username%\"}")), *filled;
	struct buf out;
	struct err err;

	assert_ok(mobileconfig_form_judge(form, &err), &err);
	assert_ok(mobileconfig_form_fill(form, value_of, NULL, &filled, &err), &err);
	buf_init(&out, *state, FORM_OUT_MAX);
	assert_false(mobileconfig_form_write(*state, filled, IDENTIFIER, (struct bytes){ 0 }, &out, &err));
	assert_non_null(strstr(err.cause, "is none of WEP"));
	json_decref(filled);
	json_decref(form);
}

/* ---- devices ---- */

static bool
list_says(const json_t *list, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (strcmp(json_string_value(item), text) == 0)
			return true;
	return false;
}

static void
what_a_device_would_not_take_is_said(void **state)
{
	json_t *form = form_of("{\"name\":\"a\",\"removal_password\":\"x\",\"payloads\":[{\"id\":\"r\",\"type\":\"com.apple.applicationaccess\",\"keys\":"
			       "{\"allowCamera\":false,\"allowAirDrop\":false}},{\"id\":\"relay\",\"type\":\"com.apple.relay.managed\",\"keys\":{\"Relays\":[]}}]}");
	json_t *texts = mobileconfig_form_unfit(form, &(struct form_target){ "16.4", 0 });

	(void)state;
	assert_true(list_says(texts, "r (com.apple.applicationaccess): allowAirDrop: needs a supervised device"));
	assert_true(list_says(texts, "relay (com.apple.relay.managed): needs iOS 17.0"));
	assert_true(list_says(texts, "removal_password: needs a supervised device"));
	json_decref(texts);
	texts = mobileconfig_form_unfit(form, &(struct form_target){ "18.1", 1 });
	assert_int_equal(json_array_size(texts), 0);
	json_decref(texts);
	texts = mobileconfig_form_unfit(form, &(struct form_target){ NULL, -1 });
	assert_int_equal(json_array_size(texts), 0);
	json_decref(texts);
	json_decref(form);
}

/* ---- files made elsewhere ---- */

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>PayloadType</key><string>Configuration</string>" \
	"<key>PayloadVersion</key><integer>1</integer><key>PayloadIdentifier</key><string>com.example.old</string>" \
	"<key>PayloadUUID</key><string>AAAAAAAA-0000-0000-0000-000000000000</string>"
#define FOREIGN HEAD "<key>PayloadDisplayName</key><string>Old &amp; good</string><key>PayloadRemovalDisallowed</key><true/>" \
	"<key>ConsentText</key><dict><key>default</key><string>Ok?</string></dict><key>PayloadScope</key><string>System</string>" \
	"<key>RemovalDate</key><date>2027-01-01T00:00:00Z</date><key>HasRemovalPasscode</key><true/><key>PayloadContent</key><array>" \
	"<dict><key>PayloadType</key><string>com.apple.profileRemovalPassword</string><key>RemovalPassword</key><string>pw</string>" \
	"<key>PayloadIdentifier</key><string>x</string><key>PayloadUUID</key><string>y</string><key>PayloadVersion</key><integer>1</integer></dict>" \
	"<dict><key>PayloadType</key><string>com.apple.wifi.managed</string><key>PayloadIdentifier</key><string>com.example.old.wifi</string>" \
	"<key>PayloadUUID</key><string>11111111-0000-0000-0000-000000000000</string><key>PayloadVersion</key><integer>1</integer>" \
	"<key>PayloadDisplayName</key><string>WLAN</string><key>PayloadOrganization</key><string>Corp</string><key>SSID_STR</key><string>a</string>" \
	"<key>PayloadCertificateUUID</key><string>22222222-0000-0000-0000-00000000000a</string></dict>" \
	"<dict><key>PayloadType</key><string>com.apple.security.pkcs12</string><key>PayloadIdentifier</key><string>com.example.old.p12</string>" \
	"<key>PayloadUUID</key><string>22222222-0000-0000-0000-00000000000A</string><key>PayloadVersion</key><integer>1</integer>" \
	"<key>PayloadContent</key><data>MAMCAQE=</data></dict>" \
	"<dict><key>PayloadType</key><string>com.example.custom</string><key>PayloadIdentifier</key><string>c</string><key>PayloadUUID</key>" \
	"<string>33333333-0000-0000-0000-000000000000</string><key>Colour</key><array><string>red</string><real>1.5</real></array></dict>" \
	"<dict><key>PayloadType</key><string>com.apple.webClip.managed</string><key>PayloadIdentifier</key><string>d</string><key>PayloadUUID</key>" \
	"<string>44444444-0000-0000-0000-000000000000</string><key>URL</key><string>https://a.example.com</string><key>Label</key><string>a</string>" \
	"<key>IsRemovable</key><integer>1</integer><key>PayloadCertificateUUID</key><string>22222222-0000-0000-0000-00000000000A</string>" \
	"<key>Anchors</key><array><string>22222222-0000-0000-0000-00000000000A</string></array></dict></array></dict></plist>"

static struct bytes
text_bytes(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static void
check_foreign(TALLOC_CTX *ctx, struct bytes file, const char *signed_by)
{
	const char *identifier, *signer;
	json_t *form, *payloads, *wifi, *p12, *custom, *clip, *warnings;
	struct identity id = identity_of(ctx);
	struct err err;
	struct buf out;
	const char *inner;

	assert_ok(mobileconfig_form_read(ctx, file, &form, &identifier, &signer, &err), &err);
	assert_string_equal(identifier, "com.example.old");
	if (signed_by)
		assert_string_equal(signer, signed_by);
	else
		assert_null(signer);
	payloads = json_object_get(form, "payloads");
	assert_int_equal(json_array_size(payloads), 4);
	assert_string_equal(json_string_value(json_object_get(form, "removal_password")), "pw");
	assert_true(json_is_false(json_object_get(form, "removable")));
	wifi = json_array_get(payloads, 0), p12 = json_array_get(payloads, 1);
	custom = json_array_get(payloads, 2), clip = json_array_get(payloads, 3);
	assert_string_equal(json_string_value(json_object_get(wifi, "id")), "wifi-1");
	assert_string_equal(json_string_value(json_object_get(p12, "id")), "pkcs12-1");
	assert_null(json_object_get(wifi, "foreign"));
	assert_true(json_is_true(json_object_get(custom, "foreign")));
	assert_true(json_is_true(json_object_get(clip, "foreign")));
	warnings = mobileconfig_form_warnings(form);
	assert_true(list_says(warnings, "custom-1 (com.example.custom): iOS has no payload type \"com.example.custom\""));
	assert_true(list_says(warnings, "webclip-1 (com.apple.webClip.managed): IsRemovable: must be true or false, and is an integer"));
	json_decref(warnings);

	buf_init(&out, ctx, FORM_OUT_MAX);
	assert_ok(mobileconfig_form_write(ctx, form, identifier, id.cert, &out, &err), &err);
	assert_non_null(strstr(buf_str(&out), "<string>AAAAAAAA-0000-0000-0000-000000000000</string>"));
	inner = opened(ctx, &id, &out);
	assert_non_null(strstr(inner, "<key>PayloadIdentifier</key><string>com.example.old.wifi</string>"));
	assert_non_null(strstr(inner, "<key>PayloadUUID</key><string>11111111-0000-0000-0000-000000000000</string>"));
	assert_non_null(strstr(inner, "<key>PayloadCertificateUUID</key><string>22222222-0000-0000-0000-00000000000A</string>"));
	assert_non_null(strstr(inner, "<key>PayloadOrganization</key><string>Corp</string>"));
	assert_non_null(strstr(inner, "<key>Colour</key><array>\n<string>red</string>\n<real>1.5</real>"));
	assert_non_null(strstr(inner, "<key>IsRemovable</key><integer>1</integer>"));
	assert_non_null(strstr(inner, "<key>Anchors</key><array>\n<string>22222222-0000-0000-0000-00000000000A</string>"));
	assert_non_null(strstr(inner, "<key>RemovalPassword</key><string>pw</string>"));
	json_decref(form);
	forget(&id);
}

static void
a_file_made_elsewhere_is_read_and_keeps_its_identifiers_and_what_nobody_knows(void **state)
{
	plist_t root SCOPED(plist) = NULL;
	struct x509_made ca;
	struct cms_signer *signer = signer_of(*state, "configurator.example.com", &ca);
	struct bytes der;
	struct err err;
	uint32_t len = 0;
	char *bin = NULL;

	check_foreign(*state, text_bytes(FOREIGN), NULL);
	assert_ok(plist_open(text_bytes(FOREIGN), PLIST_BYTES_MAX, &root, &err), &err);
	plist_to_bin(root, &bin, &len);
	check_foreign(*state, (struct bytes){ bin, len }, NULL);
	free(bin);
	assert_ok(cms_sign(*state, signer, text_bytes(FOREIGN), &der, &err), &err);
	check_foreign(*state, der, "configurator.example.com");
}

/* Old tools sign as a stream: BER with indefinite lengths, the content in pieces. */
static void
a_signature_in_ber_is_taken_off_too(void **state)
{
	struct identity id = identity_of(*state);
	const char *dir = id.dir;

	forget(&id);
	put(mem_printf(*state, "%s/plain", dir), FOREIGN, strlen(FOREIGN));
	test_ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -sign -nodetach -binary -stream -outform DER -signer cert.pem"
				       " -inkey key.pem -in plain -out signed", dir));
	check_foreign(*state, test_file(*state, mem_printf(*state, "%s/signed", dir)), "phone");
}

static void
what_is_no_mobileconfig_is_refused_by_name(void **state)
{
	static const struct { const char *file, *code, *word; } rows[] = {
		{ "", "bad_plist", "empty" },
		{ "hello", "bad_plist", "" },
		{ "<plist version=\"1.0\"><array/></plist>", "bad_mobileconfig", "PayloadType is missing" },
		{ "<plist version=\"1.0\"><dict><key>PayloadType</key><string>Profile Service</string></dict></plist>", "bad_mobileconfig",
		  "PayloadType is Profile Service" },
		{ HEAD "</dict></plist>", "bad_mobileconfig", "PayloadContent must be an array" },
		{ HEAD "<key>IsEncrypted</key><true/><key>EncryptedPayloadContent</key><data>MAA=</data></dict></plist>", "encrypted", "key of one device" },
		{ HEAD "<key>PayloadContent</key><array><string>a</string></array></dict></plist>", "bad_mobileconfig", "no PayloadType" },
		{ HEAD "<key>PayloadContent</key><array><dict><key>PayloadType</key><string>a</string><key>b</key><dict><key>$data</key>"
		  "<string>AQID</string></dict></dict></array></dict></plist>", "bad_mobileconfig", "$data" },
		{ HEAD "<key>PayloadContent</key><array><dict><key>PayloadType</key><string>a</string><key>b</key><dict><key>$payload</key>"
		  "<string>a-1</string></dict></dict></array></dict></plist>", "bad_mobileconfig", "$payload" },
		{ "\x30\x03\x02\x01\x01", "bad_mobileconfig", "like a signed file" },
		{ "\x30\x80\x06", "bad_mobileconfig", "like a signed file" },
	};
	struct identity id = identity_of(*state);
	const char *identifier, *signer;
	struct bytes der;
	struct err err;
	json_t *form;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_false(mobileconfig_form_read(*state, text_bytes(rows[i].file), &form, &identifier, &signer, &err));
		if (strcmp(err.code, rows[i].code) != 0 || !strstr(err.cause, rows[i].word))
			fail_msg("%s: %s: %s", rows[i].file, err.code, err.cause);
	}
	assert_ok(cms_envelope(*state, id.cert, text_bytes(FOREIGN), &der, &err), &err);
	assert_false(mobileconfig_form_read(*state, der, &form, &identifier, &signer, &err));
	assert_string_equal(err.code, "encrypted");
	forget(&id);
}

static void
a_real_signed_file_is_read(void **state)
{
	const char *path = test_shared(*state, "apple-schema/samples/good_prof_signed.mobileconfig"), *identifier, *signer;
	struct err err;
	json_t *form;

	if (!path)
		test_skip("no samples of mobileconfigs");
	assert_ok(mobileconfig_form_read(*state, test_file(*state, path), &form, &identifier, &signer, &err), &err);
	assert_non_null(signer);
	assert_true(json_array_size(json_object_get(form, "payloads")) > 0);
	json_decref(form);
}

/* ---- all of it, by chance ---- */

static const char *
value_at_random(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "username") == 0 ? "j.q & <co>" : NULL;
}

/* The opened payloads in an envelope in the open, as another server would give them away. */
static char *
in_the_open(TALLOC_CTX *ctx, const char *inner)
{
	const char *from = strstr(inner, "<array>"), *end = strstr(inner, "</plist>");

	assert_true(from && end);
	return mem_printf(ctx, HEAD "<key>PayloadContent</key>%.*s</dict></plist>", (int)(end - from), from);
}

static void
compare_payloads(const json_t *filled, const json_t *again, unsigned seed)
{
	const json_t *payload, *other;
	size_t i;

	json_array_foreach(json_object_get(filled, "payloads"), i, payload) {
		other = json_array_get(json_object_get(again, "payloads"), i);
		if (json_object_get(other, "foreign") || json_object_size(json_object_get(payload, "keys")) !=
							  json_object_size(json_object_get(other, "keys"))) {
			char *was = json_dumps(payload, 0), *is = json_dumps(other, 0);

			print_message("seed %u: %s\nis read as %s\n", seed, was, is);
			free(was);
			free(is);
			fail();
		}
	}
}

static void
one_at_random(TALLOC_CTX *ctx, const struct identity *id, unsigned seed, const char *dir)
{
	unsigned dice = seed;
	json_t *form = test_form_at_random(ctx, &dice), *filled, *masked, *back, *again;
	const char *identifier, *signer;
	char *inner, *open;
	struct err err;
	struct buf out, twice;

	if (!mobileconfig_form_judge(form, &err))
		fail_msg("seed %u: %s: %s", seed, err.path, err.cause);
	masked = mobileconfig_form_masked(form);
	assert_ok(mobileconfig_form_kept(masked, form, &back, &err), &err);
	assert_true(json_equal(form, back));
	assert_ok(mobileconfig_form_fill(form, value_at_random, NULL, &filled, &err), &err);
	written_for(ctx, filled, id->cert, &out);
	written_for(ctx, filled, id->cert, &twice);
	inner = opened(ctx, id, &out);
	assert_string_equal(inner, opened(ctx, id, &twice));
	put(mem_printf(ctx, "%s/%u.plist", dir, seed), out.p, out.len);
	put(mem_printf(ctx, "%s/%u-array.plist", dir, seed), inner, strlen(inner));
	open = in_the_open(ctx, inner);
	assert_ok(mobileconfig_form_read(ctx, text_bytes(open), &again, &identifier, &signer, &err), &err);
	compare_payloads(filled, again, seed);
	json_decref(form);
	json_decref(filled);
	json_decref(masked);
	json_decref(back);
	json_decref(again);
}

static void
any_form_that_is_taken_goes_out_right_and_is_read_again(void **state)
{
	const char *shared = test_shared(*state, "apple-schema/check_plist.py"), *dir = test_dir(*state), *whole = getenv("POMONA_WHOLE");
	const char *given = getenv("POMONA_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL), n = given ? 1 : whole && *whole ? 1000 : 40;
	struct identity id = identity_of(*state);

	print_message("  %u forms from POMONA_SEED=%u on\n", n, seed);
	for (unsigned i = 0; i < n; i++) {
		void *ctx SCOPED(mem) = mem_must(talloc_new(*state));

		one_at_random(ctx, &id, seed + i, dir);
	}
	if (shared)
		judge_all(*state, shared, dir);
	forget(&id);
}

TESTS(the_tables_are_what_their_scripts_make_of_apples_schema, must_54_every_payload_type_with_every_key_passes_the_judge_of_apples_schema,
      must_54_a_vpn_of_single_apps_has_the_keys_of_a_vpn_and_its_own, an_ethernet_has_the_8021x_keys_of_wifi_and_takes_others,
      a_vpn_of_an_app_names_its_server_and_has_what_its_maker_wants,
      must_54_everything_of_the_envelope_passes_it_too_and_stands_where_ios_looks_for_it,
      must_55_openssl_opens_an_encrypted_one_and_finds_an_array, must_54_a_signed_one_is_verified_by_openssl,
      every_key_that_sounds_like_a_secret_is_marked_as_one, must_56_no_secret_of_any_payload_type_goes_out_in_the_open,
      a_form_is_shown_without_its_secrets_and_gets_them_back,
      a_preview_shows_all_but_the_secrets_of_every_payload_type,
      must_57_identifiers_and_uuids_stay_when_a_form_goes_out_again, must_59_a_scep_subject_is_nested_three_deep_and_its_url_has_no_query,
      what_ios_would_not_take_is_refused_with_the_place, a_form_has_its_limits,
      variables_are_filled_in_and_what_is_missing_is_named_all_at_once, what_a_variable_brings_is_judged_before_it_goes_out,
      what_a_device_would_not_take_is_said, a_file_made_elsewhere_is_read_and_keeps_its_identifiers_and_what_nobody_knows,
      a_signature_in_ber_is_taken_off_too, what_is_no_mobileconfig_is_refused_by_name, a_real_signed_file_is_read,
      any_form_that_is_taken_goes_out_right_and_is_read_again)
