/*
 * Enrollment: the phases of the Profile Service, who may take each of them, and what they are given.
 * Numbers in names: docs/conformance.md.
 */
#include "tests/check_enroll.h"
#include "core/plist_write.h"
#include "mdm/enroll_list.h"
#include "mdm/payload.h"
#include "mdm/subject.h"
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Judged by Apple's schema, where it is; `file` is written already. */
static void
judge(TALLOC_CTX *ctx, const char *schema, const char *file)
{
	const char *judge_py = test_shared(ctx, "apple-schema/check_plist.py");

	if (!judge_py)
		return;
	if (system(mem_printf(ctx, "python3 %s --strict --quiet %s %s >&2", judge_py, schema, file)) != 0)
		fail_msg("Apple's schema has something against %s", file);
}

static const char *
saved(TALLOC_CTX *ctx, const struct enroll_world *w, const char *name, const void *p, size_t len)
{
	const char *path = mem_printf(ctx, "%s/%s", w->house.dir, name);

	write_to(path, p, len);
	return path;
}

static void
save_key(const char *path, EVP_PKEY *key)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
}

/* Phase 1, a passing identity, phase 3: *out is the enrollment, enveloped for keys[0]. */
static struct phone *
passed(TALLOC_CTX *ctx, struct enroll_world *w, const struct begun *b)
{
	struct err err;
	struct buf out;

	assert_ok(phase_1(ctx, w, b, w->phone, &out, &err), &err);
	return signing_with(ctx, w, w->phone, identity(ctx, w, 0, CA_OTA, b->id), 0);
}

static void
enrolled(TALLOC_CTX *ctx, struct enroll_world *w, const struct begun *b, struct buf *out)
{
	struct phone *passing = passed(ctx, w, b);
	struct err err;

	assert_ok(phase_3(ctx, w, b, passing, out, &err), &err);
}

#define assert_refused(is, code_, err) do { if (is) fail_msg("it was taken"); \
	assert_string_equal((err).code, code_); } while (0)

/* ---- what is handed out ---- */

static void
must_51_and_59_the_scep_url_has_no_query_and_its_subject_is_nested_three_deep(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	plist_t payloads SCOPED(plist) = NULL, scep, subject, rdn, pair;
	struct err err;
	struct buf out;
	int64_t n;

	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	payloads = payloads_of(*state, &w, &out, 0);
	assert_int_equal(plist_array_get_size(payloads), 1);
	scep = plist_dict_at(payload_typed(payloads, "com.apple.security.scep"), "PayloadContent");
	assert_string_equal(plist_text_at(*state, scep, "URL"), mem_printf(*state, TEST_CA_URL "/scep/%s", b.token));
	subject = plist_at(scep, "Subject");
	assert_int_equal(plist_array_get_size(subject), 2);
	rdn = plist_array_get_item(subject, 0);
	assert_int_equal(plist_array_get_size(rdn), 1);
	pair = plist_array_get_item(rdn, 0);
	assert_int_equal(plist_array_get_size(pair), 2);
	assert_string_equal(plist_text_of(*state, plist_array_get_item(pair, 0)), "O");
	assert_string_equal(plist_text_of(*state, plist_array_get_item(pair, 1)), "Example, Corp");
	pair = plist_array_get_item(plist_array_get_item(subject, 1), 0);
	assert_string_equal(plist_text_of(*state, plist_array_get_item(pair, 0)), "CN");
	assert_string_equal(plist_text_of(*state, plist_array_get_item(pair, 1)), mem_printf(*state, "enrollment %s", b.id));
	assert_true(plist_int_at(scep, "Keysize", &n) && n == 2048);
	assert_true(plist_int_at(scep, "Key Usage", &n) && n == 5);
	assert_int_equal(plist_data_of(*state, plist_at(scep, "CAFingerprint")).len, 32);
}

static void
a_subject_is_the_same_name_in_the_payload_and_in_the_certificate(void **state)
{
	static const struct {
		struct payload_part parts[3];
		const char *text;
	} cases[] = {
		{ { { "O", "Example" }, { "CN", "device 42" } }, "CN=device 42,O=Example" },
		{ { { "CN", " #a\"b+c,d;e<f>g\\h " } }, "CN=\\ #a\\\"b\\+c\\,d\\;e\\<f\\>g\\\\h\\ " },
		{ { { "O", "#1" }, { "CN", "é" } }, "CN=é,O=\\#1" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = payload_subject(*state, cases[i].parts);
		X509_NAME *name;
		struct err err;

		assert_string_equal(text, cases[i].text);
		assert_ok(subject_read(text, &name, &err), &err);
		assert_string_equal(subject_write(*state, name), text);
		X509_NAME_free(name);
	}
}

static void
must_54_mobileconfigs_pass_apples_schema_and_signed_ones_verify(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct x509_made ca, leaf;
	struct cms_signer *signer;
	const char *file, *dir = w.house.dir;
	struct bytes der;
	struct err err;
	struct buf out;

	w.enroll.root_der = identity(*state, &w, 1, CA_CLIENT, NULL)->der;	/* any certificate will do */
	buf_init(&out, *state, MOBILECONFIG_MAX);
	assert_ok(enroll_service_write(&w.enroll, b.token, &out, &err), &err);
	judge(*state, "profile-service", saved(*state, &w, "service.plist", out.p, out.len));
	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	judge(*state, "profile", saved(*state, &w, "passing.plist", out.p, out.len));
	enrolled(*state, &w, &b, &out);
	file = saved(*state, &w, "enrollment.plist", out.p, out.len);
	judge(*state, "profile", file);

	assert_ok(x509_make(*state, "Example CA", NULL, 30, NULL, &ca, &err), &err);
	assert_ok(x509_make(*state, "apps.example.com", "apps.example.com", 30, &ca, &leaf, &err), &err);
	assert_ok(cms_signer_read(*state, (struct bytes){ leaf.cert_pem, strlen(leaf.cert_pem) },
				  (struct bytes){ leaf.key_pem, strlen(leaf.key_pem) }, &signer, &err), &err);
	assert_ok(cms_sign(*state, signer, (struct bytes){ out.p, out.len }, &der, &err), &err);
	saved(*state, &w, "ca.pem", ca.cert_pem, strlen(ca.cert_pem));
	judge(*state, "profile", saved(*state, &w, "enrollment.mobileconfig", der.p, der.len));
	assert_int_equal(system(mem_printf(*state, "openssl cms -verify -inform DER -in %s/enrollment.mobileconfig"
		" -CAfile %s/ca.pem -purpose any -no_check_time -binary -out %s/verified 2>/dev/null && cmp %s/verified %s",
		dir, dir, dir, dir, file)), 0);
}

static void
must_55_what_is_enveloped_opens_with_the_devices_key_and_no_other(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	plist_t root SCOPED(plist) = NULL;
	const char *dir = w.house.dir;
	struct bytes sealed;
	struct err err;
	struct buf out;
	bool is;

	enrolled(*state, &w, &b, &out);
	assert_ok(plist_open((struct bytes){ out.p, out.len }, PLIST_BYTES_MAX, &root, &err), &err);
	assert_null(plist_at(root, "PayloadContent"));
	assert_true(plist_bool_at(root, "IsEncrypted", &is) && is);
	sealed = plist_data_of(*state, plist_at(root, "EncryptedPayloadContent"));
	saved(*state, &w, "sealed.der", sealed.p, sealed.len);
	save_key(mem_printf(*state, "%s/device.key", dir), w.keys[0]);
	save_key(mem_printf(*state, "%s/other.key", dir), w.keys[1]);
	assert_int_equal(system(mem_printf(*state, "openssl cms -decrypt -inform DER -binary -in %s/sealed.der"
		" -inkey %s/device.key -out %s/payloads.plist", dir, dir, dir)), 0);
	judge(*state, "payload-array", mem_printf(*state, "%s/payloads.plist", dir));
	assert_int_equal(system(mem_printf(*state, "openssl cms -cmsout -print -inform DER -in %s/sealed.der >%s/printed"
		" && grep -q 'aes-256-cbc' %s/printed && grep -q 'rsaEncryption' %s/printed"
		" && ! grep -qE 'rsaesOaep|authEnveloped|-gcm' %s/printed", dir, dir, dir, dir, dir)), 0);
	assert_int_not_equal(system(mem_printf(*state, "openssl cms -decrypt -inform DER -binary -in %s/sealed.der"
		" -inkey %s/other.key -out %s/nothing 2>/dev/null && cmp -s %s/nothing %s/payloads.plist",
		dir, dir, dir, dir, dir)), 0);
}

static void
must_56_the_challenge_of_an_identity_stands_in_the_envelope_alone(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	plist_t payloads SCOPED(plist) = NULL;
	char *challenge;
	struct buf out;

	enrolled(*state, &w, &b, &out);
	payloads = payloads_of(*state, &w, &out, 0);
	challenge = scep_challenge(*state, payloads);
	assert_true(strlen(challenge) >= 27);
	assert_null(strstr(out.p, challenge));
	assert_null(strstr(out.p, b.token));
	assert_null(strstr(out.p, TOPIC));
}

static void
the_enrollment_is_a_scep_payload_of_its_own_and_the_mdm_payload_that_names_it(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	plist_t payloads SCOPED(plist) = NULL, with_ca SCOPED(plist) = NULL, scep, mdm;
	struct buf out;
	int64_t n;
	bool is;

	enrolled(*state, &w, &b, &out);
	payloads = payloads_of(*state, &w, &out, 0);
	assert_int_equal(plist_array_get_size(payloads), 2);
	scep = payload_typed(payloads, "com.apple.security.scep");
	mdm = payload_typed(payloads, "com.apple.mdm");
	assert_string_equal(plist_text_at(*state, mdm, "IdentityCertificateUUID"), plist_text_at(*state, scep, "PayloadUUID"));
	assert_string_equal(plist_text_at(*state, mdm, "Topic"), TOPIC);
	assert_string_equal(plist_text_at(*state, mdm, "ServerURL"), "https://apps.example.com:8444/mdm/command");
	assert_string_equal(plist_text_at(*state, mdm, "CheckInURL"), "https://apps.example.com:8444/mdm/checkin");
	assert_true(plist_bool_at(mdm, "SignMessage", &is) && is);
	assert_true(plist_bool_at(mdm, "CheckOutWhenRemoved", &is) && is);
	assert_true(plist_int_at(mdm, "AccessRights", &n) && n == 8191);
	assert_string_equal(session_of(*state, &w, b.id)->topic, TOPIC);

	w.enroll.root_der = (struct bytes){ "not looked at here", 18 };
	b = begun(*state, &w);
	enrolled(*state, &w, &b, &out);
	with_ca = payloads_of(*state, &w, &out, 0);
	assert_int_equal(plist_array_get_size(with_ca), 3);
	assert_non_null(payload_typed(with_ca, "com.apple.security.root"));
}

/* Where the company's own SCEP server issues identities, ours issues the passing ones all the same. */
static void
an_outside_scep_server_is_named_for_the_identity_and_never_for_the_passing_one(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	plist_t first SCOPED(plist) = NULL, second SCOPED(plist) = NULL, scep;
	struct err err;
	struct buf out;

	w.enroll.scep.outside_url = "https://ndes.example.com/certsrv/mscep/mscep.dll";
	w.enroll.scep.outside_name = "NDES";
	w.enroll.scep.outside_challenge = "one for all";
	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	first = payloads_of(*state, &w, &out, 0);
	scep = plist_dict_at(payload_typed(first, "com.apple.security.scep"), "PayloadContent");
	assert_string_equal(plist_text_at(*state, scep, "URL"), mem_printf(*state, TEST_CA_URL "/scep/%s", b.token));
	assert_ok(phase_3(*state, &w, &b, signing_with(*state, &w, w.phone, identity(*state, &w, 0, CA_OTA, b.id), 0),
			  &out, &err), &err);
	second = payloads_of(*state, &w, &out, 0);
	scep = plist_dict_at(payload_typed(second, "com.apple.security.scep"), "PayloadContent");
	assert_string_equal(plist_text_at(*state, scep, "URL"), "https://ndes.example.com/certsrv/mscep/mscep.dll");
	assert_string_equal(plist_text_at(*state, scep, "Name"), "NDES");
	assert_string_equal(plist_text_at(*state, scep, "Challenge"), "one for all");
	assert_null(plist_at(scep, "CAFingerprint"));
	/* Nothing but the phases could say whose such an identity is: refused before anything is handed out. */
	b = begun(*state, &w);
	assert_refused(enroll_direct(*state, w.house.db, &w.enroll, b.token, session_of(*state, &w, b.id), TOPIC, &out, &err),
		       "outside_ca", err);
	assert_string_equal(session_of(*state, &w, b.id)->state, "offered");
}

static void
must_57_names_and_uuids_stay_the_same_over_re_issue(void **state)
{
	struct enroll_world w = enroll_world(*state);
	plist_t roots[2], payloads[2];
	struct err err;

	for (int i = 0; i < 2; i++) {
		struct begun b = begun(*state, &w);
		struct buf out;

		enrolled(*state, &w, &b, &out);
		assert_ok(plist_open((struct bytes){ out.p, out.len }, PLIST_BYTES_MAX, &roots[i], &err), &err);
		payloads[i] = payloads_of(*state, &w, &out, 0);
	}
	for (int i = 0; i < 2; i++) {
		const char *key = i ? "PayloadUUID" : "PayloadIdentifier";

		assert_string_equal(plist_text_at(*state, roots[0], key), plist_text_at(*state, roots[1], key));
		assert_string_equal(plist_text_at(*state, payload_typed(payloads[0], "com.apple.mdm"), key),
				    plist_text_at(*state, payload_typed(payloads[1], "com.apple.mdm"), key));
	}
	/* but for the identity, which is another one */
	assert_string_not_equal(plist_text_at(*state, payload_typed(payloads[0], "com.apple.security.scep"), "PayloadUUID"),
				plist_text_at(*state, payload_typed(payloads[1], "com.apple.security.scep"), "PayloadUUID"));
	for (int i = 0; i < 2; i++) {
		scoped_plist(&roots[i]);
		scoped_plist(&payloads[i]);
	}
}

/* ---- who may ---- */

/* All of the tests' Apple ended in 2022. */
static void
must_52_the_signer_decides_the_phase_and_a_forged_one_has_none(void **state)
{
	static const char *const asked[] = { "UDID", "VERSION", "PRODUCT", "SERIAL", "DEVICE_NAME", NULL };
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct phone *passing;
	struct err err;
	struct buf out;

	for (enum phone_answer kind = PHONE_WRONG_CA; kind < PHONE_ANSWERS_END; kind++) {
		if (kind == PHONE_ROOT_SIGNED || kind == PHONE_NO_CHALLENGE)	/* the first is right under test roots */
			continue;
		if (answer_session(*state, &w, &b, phone_answer(*state, w.phone, asked, b.challenge, kind), &out, &err))
			fail_msg("%s was taken", phone_answer_names[kind]);
		assert_int_not_equal(err.kind, ERR_INTERNAL);
		assert_string_equal(session_of(*state, &w, b.id)->state, "offered");
	}
	assert_refused(answer_session(*state, &w, &b, phone_answer(*state, w.phone, asked, b.challenge, PHONE_NO_CHALLENGE),
				      &out, &err), "bad_challenge", err);
	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	assert_string_equal(session_of(*state, &w, b.id)->state, "answered");
	passing = signing_with(*state, &w, w.phone, identity(*state, &w, 0, CA_OTA, b.id), 0);
	assert_refused(answer_session(*state, &w, &b, phone_answer(*state, passing, asked, b.challenge, PHONE_TAMPERED),
				      &out, &err), "bad_signature", err);
	assert_ok(phase_3(*state, &w, &b, passing, &out, &err), &err);
	assert_string_equal(session_of(*state, &w, b.id)->state, "issued");
}

static void
must_53_a_challenge_is_good_once_for_one_device_and_in_its_own_session(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun one = begun(*state, &w), two = begun(*state, &w), mixed = one;
	struct enroll_session *session;
	struct err err;
	struct buf out;

	memcpy(mixed.challenge, two.challenge, sizeof mixed.challenge);
	assert_refused(phase_1(*state, &w, &mixed, w.phone, &out, &err), "bad_challenge", err);
	*mixed.challenge = 0;
	assert_refused(phase_1(*state, &w, &mixed, w.phone, &out, &err), "bad_challenge", err);
	assert_ok(phase_1(*state, &w, &one, w.phone, &out, &err), &err);
	assert_refused(phase_1(*state, &w, &one, w.other, &out, &err), "bad_challenge", err);
	session = session_of(*state, &w, one.id);
	assert_string_equal(session->udid, UDID_1);
	assert_string_equal(session->serial, "F2LTEST0001");
	set_now(&w.house, "2026-11-22T13:00:00Z");
	assert_refused(phase_1(*state, &w, &two, w.phone, &out, &err), "not_found", err);
}

static void
an_answer_that_was_lost_is_given_again_until_a_certificate_came_of_it(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	char *challenges[2];
	struct err err;
	struct buf out;

	for (int i = 0; i < 2; i++) {
		plist_t payloads SCOPED(plist) = NULL;

		assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
		payloads = payloads_of(*state, &w, &out, 0);
		challenges[i] = scep_challenge(*state, payloads);
	}
	assert_string_not_equal(challenges[0], challenges[1]);
	assert_int_equal(number_of(&w, "SELECT count(*) FROM challenge WHERE used IS NULL AND expires > 1795348800"), 1);
	identity(*state, &w, 0, CA_OTA, b.id);
	assert_refused(phase_1(*state, &w, &b, w.phone, &out, &err), "bad_challenge", err);
}

static void
a_lost_answer_is_given_again_a_few_times_and_no_more(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct phone *passing;
	struct err err;
	struct buf out;

	for (int i = 0; i <= ENROLL_REPEATS_MAX; i++)
		assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	assert_refused(phase_1(*state, &w, &b, w.phone, &out, &err), "bad_challenge", err);
	passing = signing_with(*state, &w, w.phone, identity(*state, &w, 0, CA_OTA, b.id), 0);
	for (int i = 0; i <= ENROLL_REPEATS_MAX; i++)
		assert_ok(phase_3(*state, &w, &b, passing, &out, &err), &err);
	assert_refused(phase_3(*state, &w, &b, passing, &out, &err), "not_now", err);
	assert_int_equal(number_of(&w, "SELECT count(*) FROM challenge WHERE purpose = 'mdm' AND used IS NULL"
				   " AND expires > 1795348800"), 1);
}

static void
must_53_phase_3_is_for_the_passing_identity_of_this_session_and_the_device_of_phase_1(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w), another = begun(*state, &w);
	struct certificate *cert;
	struct phone *phone;
	struct err err;
	struct buf out;

	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	assert_ok(phase_1(*state, &w, &another, w.phone, &out, &err), &err);
	phone = signing_with(*state, &w, w.phone, identity(*state, &w, 0, CA_OTA, another.id), 0);
	assert_refused(phase_3(*state, &w, &b, phone, &out, &err), "bad_identity", err);
	phone = signing_with(*state, &w, w.phone, identity(*state, &w, 0, CA_MDM, NULL), 0);
	assert_refused(phase_3(*state, &w, &b, phone, &out, &err), "bad_identity", err);
	phone = signing_with(*state, &w, w.phone, identity(*state, &w, 0, CA_CLIENT, b.id), 0);
	assert_refused(phase_3(*state, &w, &b, phone, &out, &err), "bad_identity", err);

	cert = identity(*state, &w, 0, CA_OTA, b.id);
	phone = signing_with(*state, &w, w.phone, cert, 0);
	phone->udid = UDID_2;
	assert_refused(phase_3(*state, &w, &b, phone, &out, &err), "bad_identity", err);
	phone->udid = UDID_1;
	phone->serial = "F2LTEST0002";
	assert_refused(phase_3(*state, &w, &b, phone, &out, &err), "bad_identity", err);
	phone->serial = "F2LTEST0001";
	assert_string_equal(session_of(*state, &w, b.id)->state, "answered");
	assert_ok(db_run(w.house.db, &err, "UPDATE certificate SET revoked = 1 WHERE sha256 = $1", db_text(cert->sha256)), &err);
	assert_refused(phase_3(*state, &w, &b, phone, &out, &err), "bad_identity", err);
	assert_ok(db_run(w.house.db, &err, "UPDATE certificate SET revoked = NULL WHERE sha256 = $1", db_text(cert->sha256)), &err);
	assert_ok(phase_3(*state, &w, &b, phone, &out, &err), &err);
	assert_ok(db_run(w.house.db, &err, "DELETE FROM certificate WHERE sha256 = $1", db_text(cert->sha256)), &err);
	assert_refused(phase_3(*state, &w, &b, phone, &out, &err), "bad_identity", err);
}

static void
a_passing_identity_that_ran_out_passes_no_more(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct phone *passing = passed(*state, &w, &b);
	struct err err;
	struct buf out;

	assert_ok(db_run(w.house.db, &err, "UPDATE enroll_session SET expires = expires + 1000000"), &err);
	set_now(&w.house, "2026-11-23T12:00:01Z");
	assert_refused(phase_3(*state, &w, &b, passing, &out, &err), "bad_identity", err);
}

static void
once_the_identity_is_issued_nothing_is_handed_out_again(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct phone *passing = passed(*state, &w, &b);
	struct err err;
	struct buf out;

	assert_ok(phase_3(*state, &w, &b, passing, &out, &err), &err);
	identity(*state, &w, 1, CA_MDM, b.id);
	assert_refused(phase_3(*state, &w, &b, passing, &out, &err), "not_now", err);
	assert_refused(phase_1(*state, &w, &b, w.phone, &out, &err), "bad_challenge", err);
}

/* ---- limits ---- */

/* A device of a person, as check-in would have left it. */
static void
has_device(struct enroll_world *w, const struct person *person, const char *udid, const char *state)
{
	struct err err;

	assert_ok(db_run(w->house.db, &err, "INSERT INTO device (id, udid, product, name, enrollment_id, created, changed)"
			 " VALUES ($1, $1, 'iPhone15,4', 'Phone', $1, $2, $2)", db_text(udid), db_now()), &err);
	assert_ok(db_run(w->house.db, &err, "INSERT INTO enrollment (id, device_id, session_id, person_id, state, identity,"
			 " access_rights, topic, created, enrolled) VALUES ($1, $1, 'x', $2, $3, $1, 8191, $4, $5, $5)",
			 db_text(udid), db_text(person->id), db_text(state), db_text(TOPIC), db_now()), &err);
}

static void
a_person_sets_up_so_many_devices_and_any_of_them_anew(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b;
	struct err err;
	struct buf out;

	has_device(&w, w.house.mia, "00008120-0000000000000001", "enrolled");
	has_device(&w, w.house.mia, "00008120-0000000000000003", "removed");
	b = begun(*state, &w);
	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	has_device(&w, w.house.mia, UDID_2, "enrolled");
	b = begun(*state, &w);
	assert_refused(phase_1(*state, &w, &b, w.phone, &out, &err), "too_many_devices", err);
	assert_ok(phase_1(*state, &w, &b, w.other, &out, &err), &err);
	assert_ok(begin_session(*state, &w, NULL, &b, &err), &err);		/* nobody's have no number */
	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
}

static void
a_device_that_is_somebody_elses_by_now_is_spoken_of_in_the_audit(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b;
	struct err err;
	struct buf out;

	has_device(&w, w.house.paul, UDID_1, "enrolled");
	b = begun(*state, &w);
	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	assert_int_equal(number_of(&w, "SELECT count(*) FROM audit WHERE act = 'enroll.answered'"
				   " AND detail = 'iPhone15,4, enrolled by paul until now'"), 1);
	assert_ok(begin_session(*state, &w, w.house.paul, &b, &err), &err);
	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	assert_int_equal(number_of(&w, "SELECT count(*) FROM audit WHERE act = 'enroll.answered' AND detail = 'iPhone15,4'"), 1);
}

static void
a_person_begins_so_many_sessions_at_a_time(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b;
	struct err err;
	struct buf out;

	for (int i = 0; i < ENROLL_OPEN_MAX; i++) {
		b = begun(*state, &w);
		if (i % 2)
			continue;
		buf_init(&out, *state, MOBILECONFIG_MAX);	/* handed out already: it counts as well */
		assert_ok(enroll_direct(*state, w.house.db, &w.enroll, b.token, session_of(*state, &w, b.id), TOPIC, &out,
					&err), &err);
	}
	assert_refused(begin_session(*state, &w, w.house.mia, &b, &err), "too_many_sessions", err);
	assert_int_equal(err.kind, ERR_RATE);
	assert_ok(begin_session(*state, &w, w.house.paul, &b, &err), &err);
	set_now(&w.house, "2026-11-22T13:00:01Z");
	assert_ok(begin_session(*state, &w, w.house.mia, &b, &err), &err);
}

static void
what_is_refused_is_written_down_and_ends_the_session_after_some(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct err why, err;

	err_code(&why, ERR_DENIED, "bad_signature", "its signer is nobody we believe");
	for (int i = 0; i < ENROLL_REFUSALS_MAX; i++) {
		assert_string_equal(session_of(*state, &w, b.id)->state, "offered");
		assert_ok(enroll_session_refused(w.house.db, session_of(*state, &w, b.id), &why, &err), &err);
	}
	assert_string_equal(session_of(*state, &w, b.id)->state, "failed");
	assert_int_equal(number_of(&w, "SELECT count(*) FROM audit WHERE act = 'enroll.refused'"
				   " AND detail = 'its signer is nobody we believe'"), ENROLL_REFUSALS_MAX);
	assert_false(enroll_session_open(session_of(*state, &w, b.id), &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

/* ---- steps ---- */

struct half {
	struct enroll_session *session;
	struct device_answer *answer;
};

static bool
tx_killed(struct db *tx, void *arg, struct err *err)
{
	struct half *h = arg;

	return enroll_session_answered(tx, h->session, h->answer, err) && err_set(err, ERR_BUSY, "killed here");
}

static void
a_step_that_was_not_committed_was_not_made(void **state)
{
	static const char *const asked[] = { "UDID", "VERSION", "PRODUCT", "SERIAL", NULL };
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct half half = { session_of(*state, &w, b.id), NULL };
	struct err err;
	struct buf out;

	assert_ok(device_answer_read(*state, phone_answer(*state, w.phone, asked, b.challenge, PHONE_HONEST), w.roots,
				     &half.answer, &err), &err);
	assert_false(db_tx(w.house.db, tx_killed, &half, &err));
	assert_string_equal(session_of(*state, &w, b.id)->state, "offered");
	assert_int_equal(number_of(&w, "SELECT count(*) FROM audit WHERE act = 'enroll.answered'"), 0);
	assert_ok(phase_1(*state, &w, &b, w.other, &out, &err), &err);	/* its challenge was not used */
}

struct racer {
	pthread_t thread;
	struct enroll_world *w;
	struct begun *b;
	struct bytes answer;
	bool won;
};

static void *
race(void *arg)
{
	struct racer *r = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct enroll_session *session;
	struct device_answer *answer;
	struct err err;
	struct buf out;

	buf_init(&out, ctx, MOBILECONFIG_MAX);
	r->won = enroll_session_get(ctx, r->w->house.db, r->b->id, &session, &err) &&
		 device_answer_read(ctx, r->answer, r->w->roots, &answer, &err) &&
		 enroll_pass(ctx, r->w->house.db, &r->w->enroll, r->b->token, session, answer, &out, &err);
	return NULL;
}

static void
of_many_devices_with_one_challenge_one_gets_on(void **state)
{
	static const char *const asked[] = { "UDID", "VERSION", "PRODUCT", "SERIAL", NULL };
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct racer racers[8];
	int won = 0;

	for (int i = 0; i < 8; i++) {
		struct phone *phone = phone_new(*state, w.apple, mem_printf(*state, "00008120-00000000000000C%d", i));

		racers[i] = (struct racer){ .w = &w, .b = &b,
					    .answer = phone_answer(*state, phone, asked, b.challenge, PHONE_HONEST) };
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(racers[i].thread, NULL);
		won += racers[i].won;
	}
	assert_int_equal(won, 1);
	assert_int_equal(number_of(&w, "SELECT count(*) FROM challenge"), 1);
}

struct step {
	const char *id, *what;
	bool (*run)(struct db *tx, const char *id, const char *what, struct err *err);
};

static bool
tx_step(struct db *tx, void *arg, struct err *err)
{
	const struct step *s = arg;

	return s->run(tx, s->id, s->what, err);
}

static bool
staged(struct enroll_world *w, const struct begun *b, const char *udid, struct err *err)
{
	struct step s = { b->id, udid, enroll_session_staged };

	return db_tx(w->house.db, tx_step, &s, err);
}

static bool
done(struct enroll_world *w, const struct begun *b, const char *enrollment, struct err *err)
{
	struct step s = { b->id, enrollment, enroll_session_done };

	return db_tx(w->house.db, tx_step, &s, err);
}

static void
authenticate_and_tokenupdate_end_the_session_and_may_come_twice(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct enroll_session *found;
	struct err err;
	struct buf out;

	assert_refused(staged(&w, &b, UDID_1, &err), "other_device", err);	/* nothing was issued */
	enrolled(*state, &w, &b, &out);
	assert_refused(done(&w, &b, "e1", &err), "not_now", err);
	assert_refused(staged(&w, &b, UDID_2, &err), "other_device", err);
	assert_ok(staged(&w, &b, UDID_1, &err), &err);
	assert_ok(staged(&w, &b, UDID_1, &err), &err);
	assert_ok(enroll_session_by_token(*state, w.house.db, b.token, &found, &err), &err);
	assert_string_equal(found->state, "staged");
	assert_ok(done(&w, &b, "e1", &err), &err);
	assert_ok(done(&w, &b, "e1", &err), &err);
	assert_string_equal(session_of(*state, &w, b.id)->enrollment_id, "e1");
	assert_false(enroll_session_by_token(*state, w.house.db, b.token, &found, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_ok(staged(&w, &b, UDID_1, &err), &err);		/* a phone put back from its backup */
	assert_string_equal(session_of(*state, &w, b.id)->state, "done");
}

static void
the_direct_way_belongs_to_the_first_device_that_authenticates(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	plist_t payloads SCOPED(plist) = NULL;
	struct err err;
	struct buf out;

	for (int i = 0; i <= ENROLL_REPEATS_MAX; i++) {
		buf_init(&out, *state, MOBILECONFIG_MAX);
		assert_ok(enroll_direct(*state, w.house.db, &w.enroll, b.token, session_of(*state, &w, b.id), TOPIC, &out,
					&err), &err);
	}
	judge(*state, "profile", saved(*state, &w, "direct.plist", out.p, out.len));
	payloads = payloads_of(*state, &w, &out, 0);
	assert_int_equal(plist_array_get_size(payloads), 2);
	assert_refused(enroll_direct(*state, w.house.db, &w.enroll, b.token, session_of(*state, &w, b.id), TOPIC, &out, &err),
		       "not_now", err);
	assert_string_equal(session_of(*state, &w, b.id)->kind, "direct");
	assert_refused(phase_1(*state, &w, &b, w.phone, &out, &err), "bad_challenge", err);
	assert_ok(staged(&w, &b, UDID_1, &err), &err);
	assert_refused(staged(&w, &b, UDID_2, &err), "other_device", err);
	assert_string_equal(session_of(*state, &w, b.id)->udid, UDID_1);
}

static void
sessions_that_lead_nowhere_expire_and_are_forgotten(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun one = begun(*state, &w), two = begun(*state, &w), three = begun(*state, &w);
	struct err err;
	struct buf out;

	enrolled(*state, &w, &two, &out);
	enrolled(*state, &w, &three, &out);
	assert_ok(staged(&w, &three, UDID_1, &err) && done(&w, &three, "e1", &err), &err);
	set_now(&w.house, "2026-11-22T13:00:01Z");
	assert_ok(enroll_session_sweep(w.house.db, &err), &err);
	assert_string_equal(session_of(*state, &w, one.id)->state, "expired");
	assert_string_equal(session_of(*state, &w, two.id)->state, "issued");
	assert_ok(staged(&w, &two, UDID_1, &err), &err);		/* iOS was slow */
	set_now(&w.house, "2026-11-23T14:00:01Z");
	assert_ok(enroll_session_sweep(w.house.db, &err), &err);
	assert_string_equal(session_of(*state, &w, two.id)->state, "expired");
	set_now(&w.house, "2026-12-31T12:00:00Z");
	assert_ok(enroll_session_sweep(w.house.db, &err), &err);
	assert_int_equal(number_of(&w, "SELECT count(*) FROM enroll_session"), 1);
	assert_string_equal(session_of(*state, &w, three.id)->state, "done");
}

/* ---- renewal ---- */

static void
a_renewal_changes_the_identity_and_nothing_else(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct begun b = begun(*state, &w);
	struct enroll_wish today = enroll_wish(w.house.paul);
	struct enrollment enrollment = { .id = UDID_1 };
	plist_t before SCOPED(plist) = NULL, after SCOPED(plist) = NULL, old, new;
	static const char *const same[] = { "Topic", "ServerURL", "CheckInURL", "PayloadIdentifier", "PayloadUUID" };
	struct certificate *cert;
	int64_t rights;
	struct err err;
	struct buf out;

	enrolled(*state, &w, &b, &out);
	before = payloads_of(*state, &w, &out, 0);
	assert_ok(staged(&w, &b, UDID_1, &err) && done(&w, &b, UDID_1, &err), &err);
	has_device(&w, w.house.mia, UDID_1, "enrolled");
	cert = identity(*state, &w, 1, CA_MDM, b.id);
	assert_ok(db_run(w.house.db, &err, "UPDATE enrollment SET session_id = $1, identity = $2, access_rights = 5587",
			 db_text(b.id), db_text(cert->sha256)), &err);
	enrollment.identity = "one that it never took";
	enrollment.spoken = cert->sha256;	/* what it speaks with says whom it is written for */

	/* the settings are others by now */
	today.url = "https://elsewhere.example.com";
	today.identifier = "com.example.elsewhere.mdm";
	today.access_rights = 8191;
	buf_init(&out, *state, MOBILECONFIG_MAX);
	assert_ok(enroll_renewal(*state, w.house.db, &w.enroll, &enrollment, &today, &out, &err), &err);
	judge(*state, "profile", saved(*state, &w, "renewal.plist", out.p, out.len));
	after = payloads_of(*state, &w, &out, 1);	/* enveloped for the identity that ends */
	old = payload_typed(before, "com.apple.mdm");
	new = payload_typed(after, "com.apple.mdm");
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		assert_string_equal(plist_text_at(*state, old, same[i]), plist_text_at(*state, new, same[i]));
	assert_true(plist_int_at(new, "AccessRights", &rights) && rights == 5587);
	assert_string_not_equal(plist_text_at(*state, old, "IdentityCertificateUUID"),
				plist_text_at(*state, new, "IdentityCertificateUUID"));
	assert_string_not_equal(scep_challenge(*state, before), scep_challenge(*state, after));
	assert_int_equal(number_of(&w, "SELECT count(*) FROM enroll_session WHERE kind = 'renewal' AND state = 'issued'"
				   " AND enrollment_id = '" UDID_1 "' AND udid = '" UDID_1 "'"), 1);
}

static void
a_renewal_that_is_sent_again_makes_the_one_before_void(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct enroll_wish today = enroll_wish(w.house.mia);
	struct enrollment enrollment = { .id = UDID_1, .identity = UDID_1 };
	struct err err;
	struct buf out;

	has_device(&w, w.house.mia, UDID_1, "enrolled");
	for (int i = 0; i < 3; i++) {
		buf_init(&out, *state, MOBILECONFIG_MAX);
		assert_ok(enroll_renewal(*state, w.house.db, &w.enroll, &enrollment, &today, &out, &err), &err);
	}
	assert_int_equal(number_of(&w, "SELECT count(*) FROM enroll_session WHERE kind = 'renewal' AND state = 'issued'"), 1);
	assert_int_equal(number_of(&w, "SELECT count(*) FROM enroll_session WHERE kind = 'renewal' AND state = 'expired'"), 2);
	assert_non_null(strstr(out.p, "<key>PayloadContent</key>"));	/* an outside CA's identity: it cannot be enveloped */
	assert_ok(db_run(w.house.db, &err, "UPDATE enrollment SET state = 'removed'"), &err);
	assert_false(enroll_renewal(*state, w.house.db, &w.enroll, &enrollment, &today, &out, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

/* Whoever it is, it is not the device, which has used its new identity: it gets no challenge for one of its own. */
static void
who_speaks_with_an_identity_of_before_is_sent_no_renewal(void **state)
{
	struct enroll_world w = enroll_world(*state);
	struct enroll_wish today = enroll_wish(w.house.mia);
	struct enrollment enrollment = { .id = UDID_1, .identity = "new", .old_identity = "old", .old_speaks = 0, .spoken = "old" };
	struct err err;
	struct buf out;

	has_device(&w, w.house.mia, UDID_1, "enrolled");
	buf_init(&out, *state, MOBILECONFIG_MAX);
	assert_false(enroll_renewal(*state, w.house.db, &w.enroll, &enrollment, &today, &out, &err));
	assert_string_equal(err.code, "old_identity");
	assert_int_equal(number_of(&w, "SELECT count(*) FROM enroll_session WHERE kind = 'renewal'"), 0);
	enrollment.old_speaks = 1;	/* it went back */
	assert_ok(enroll_renewal(*state, w.house.db, &w.enroll, &enrollment, &today, &out, &err), &err);
}

/* ---- what the page shows ---- */

static void
the_page_knows_what_became_of_each_device(void **state)
{
	struct enroll_world w = enroll_world(*state);
	json_t *devices, *newest;
	struct begun b;
	struct err err;
	struct buf out;

	assert_ok(enroll_list_newest(w.house.db, w.house.mia->id, &newest, &err), &err);
	assert_null(newest);
	b = begun(*state, &w);
	assert_ok(phase_1(*state, &w, &b, w.phone, &out, &err), &err);
	assert_ok(enroll_list_newest(w.house.db, w.house.mia->id, &newest, &err), &err);
	assert_string_equal(json_string_value(json_object_get(newest, "state")), "answered");
	assert_string_equal(json_string_value(json_object_get(newest, "product")), "iPhone15,4");
	json_decref(newest);
	has_device(&w, w.house.mia, "00008120-0000000000000001", "enrolled");
	has_device(&w, w.house.mia, "00008120-0000000000000002", "removed");
	has_device(&w, w.house.mia, "00008120-0000000000000003", "retired");
	has_device(&w, w.house.mia, "00008120-0000000000000004", "enrolled");
	has_device(&w, w.house.mia, "00008120-0000000000000005", "staged");
	has_device(&w, w.house.paul, "00008120-0000000000000006", "enrolled");
	assert_ok(db_run(w.house.db, &err, "INSERT INTO came_back (sha256, subject, udid, certificate, first_seen, last_seen)"
			 " VALUES ('x', 'CN=x', '00008120-0000000000000004', $1, 1, 1)",
			 db_bytes((struct bytes){ "x", 1 })), &err);
	assert_ok(enroll_list_devices(w.house.db, w.house.mia->id, &devices, &err), &err);
	assert_int_equal(json_array_size(devices), 4);
	for (size_t i = 0; i < 4; i++) {
		const json_t *device = json_array_get(devices, i);
		const char *id = json_string_value(json_object_get(device, "id"));
		const char *states[] = { "enrolled", "removed", "retired", "came_back" };

		assert_string_equal(json_string_value(json_object_get(device, "state")), states[id[strlen(id) - 1] - '1']);
	}
	json_decref(devices);
}

TESTS(must_51_and_59_the_scep_url_has_no_query_and_its_subject_is_nested_three_deep,
      a_subject_is_the_same_name_in_the_payload_and_in_the_certificate,
      must_54_mobileconfigs_pass_apples_schema_and_signed_ones_verify, must_55_what_is_enveloped_opens_with_the_devices_key_and_no_other,
      must_56_the_challenge_of_an_identity_stands_in_the_envelope_alone,
      the_enrollment_is_a_scep_payload_of_its_own_and_the_mdm_payload_that_names_it,
      an_outside_scep_server_is_named_for_the_identity_and_never_for_the_passing_one,
      must_57_names_and_uuids_stay_the_same_over_re_issue, must_52_the_signer_decides_the_phase_and_a_forged_one_has_none,
      must_53_a_challenge_is_good_once_for_one_device_and_in_its_own_session,
      an_answer_that_was_lost_is_given_again_until_a_certificate_came_of_it,
      a_lost_answer_is_given_again_a_few_times_and_no_more,
      must_53_phase_3_is_for_the_passing_identity_of_this_session_and_the_device_of_phase_1,
      a_passing_identity_that_ran_out_passes_no_more, once_the_identity_is_issued_nothing_is_handed_out_again,
      a_person_sets_up_so_many_devices_and_any_of_them_anew, a_device_that_is_somebody_elses_by_now_is_spoken_of_in_the_audit, a_person_begins_so_many_sessions_at_a_time,
      what_is_refused_is_written_down_and_ends_the_session_after_some, a_step_that_was_not_committed_was_not_made,
      of_many_devices_with_one_challenge_one_gets_on, authenticate_and_tokenupdate_end_the_session_and_may_come_twice,
      the_direct_way_belongs_to_the_first_device_that_authenticates, sessions_that_lead_nowhere_expire_and_are_forgotten,
      a_renewal_changes_the_identity_and_nothing_else, a_renewal_that_is_sent_again_makes_the_one_before_void,
      who_speaks_with_an_identity_of_before_is_sent_no_renewal,
      the_page_knows_what_became_of_each_device)
