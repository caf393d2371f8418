/* The SCEP server behind its door: challenges, renewals, requests by hand, and what its replies are (RFC 8894 section 3.3.2). */
#include "tests/check.h"
#include "tests/check_ca.h"
#include "tests/device/craft_known.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/file.h"
#include "core/json.h"
#include "core/secret.h"
#include "mdm/challenge.h"
#include "mdm/enrollment.h"
#include "mdm/guesses.h"
#include "mdm/scep_answer.h"
#include "mdm/scep_offer.h"
#include "mdm/scep_renewal.h"
#include "mdm/scep_request.h"
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define RACERS	50
#define SESSION	"session1"

struct world {
	struct scep_server server;
	struct db *db;
	struct conf *conf;
	const char *dir;
};

/* ---- a server of its own ---- */

static void
now_is(const struct world *w, const char *iso)
{
	const char *path = mem_printf((void *)(uintptr_t)w->dir, "%s/clock", w->dir);
	FILE *file = fopen(path, "w");

	fputs(iso, file);
	fclose(file);
	clock_follow(NULL);
	clock_follow(path);
}

static struct world
world_of(TALLOC_CTX *ctx, bool under_root)
{
	struct world w = { .dir = test_dir(ctx) };
	struct err err;

	now_is(&w, "2026-11-22T12:00:00Z");
	guesses_forget();
	assert_ok(conf_read(ctx, NULL, &w.conf, &err), &err);
	assert_ok(db_open(ctx, w.dir, &w.db, &err), &err);
	w.server = (struct scep_server){ w.db, under_root ? test_ca_under_root(ctx, w.db) : test_ca(ctx, w.db), w.conf };
	return w;
}

static struct world
world(TALLOC_CTX *ctx)
{
	return world_of(ctx, false);
}

static char *
challenge_for(TALLOC_CTX *ctx, const struct world *w, struct challenge_wish wish)
{
	struct err err;
	char *text;

	wish.subject = wish.subject ? wish.subject : "CN=printer 7,O=Example";
	wish.purpose = wish.purpose || wish.session_id ? wish.purpose : CA_CLIENT;
	assert_ok(challenge_new(w->db, ctx, &wish, &text, &err), &err);
	return text;
}

static char *
challenge(TALLOC_CTX *ctx, const struct world *w)
{
	return challenge_for(ctx, w, (struct challenge_wish){ .purpose = CA_CLIENT });
}

struct ask {
	struct craft craft;
	const char *session, *udid, *address;	/* NULL: /scep, "", an address of its own each time */
};

static struct scep_answer
answer_to(TALLOC_CTX *ctx, const struct world *w, struct ask ask)
{
	static int n;
	struct scep_call call = { .address = ask.address ? ask.address : mem_printf(ctx, "192.0.2.%d", n++ % 250),
				  .session_id = ask.session, .udid = ask.udid ? ask.udid : "" };
	struct scep_answer answer;
	struct err err;

	ask.craft.to = ca_decrypter(w->server.ca);
	call.message = craft(ctx, &ask.craft);
	assert_ok(scep_answer(ctx, &w->server, &call, &answer, &err), &err);
	return answer;
}

static struct craft_reply
ask(TALLOC_CTX *ctx, const struct world *w, struct ask ask)
{
	EVP_PKEY *key = ask.craft.signer_key ? ask.craft.signer_key : ask.craft.key ? ask.craft.key : craft_key(0);

	ask.craft.key = ask.craft.key ? ask.craft.key : craft_key(0);
	ask.craft.signer = ask.craft.signer ? ask.craft.signer : craft_cert(ctx, key, "throw-away");
	ask.craft.signer_key = key;
	return craft_read(ctx, answer_to(ctx, w, ask).reply, ask.craft.signer, key);
}

static X509 *
only_cert(const struct craft_reply *reply)
{
	assert_non_null(reply->status);
	assert_string_equal(reply->status, "0");
	assert_non_null(reply->certs);
	assert_int_equal(sk_X509_num(reply->certs), 1);
	return sk_X509_value(reply->certs, 0);
}

/* Enrolls with a challenge of its own; *key n. */
static X509 *
enrolled(TALLOC_CTX *ctx, const struct world *w, int n)
{
	struct craft_reply *reply = mem_new(ctx, struct craft_reply);

	*reply = ask(ctx, w, (struct ask){ { .challenge = challenge(ctx, w), .key = craft_key(n),
					     .transaction = mem_printf(ctx, "enroll-%d", n) } });
	return only_cert(reply);
}

static void
assert_refused(struct craft_reply reply, const char *fail)
{
	assert_string_equal(reply.type, "3");
	assert_string_equal(reply.status, "2");
	assert_non_null(reply.fail);
	assert_string_equal(reply.fail, fail);
	assert_false(reply.content);
}

static int64_t
count_of(TALLOC_CTX *ctx, const struct world *w, const char *what)
{
	struct rows *rows = db_query(ctx, w->db, mem_printf(ctx, "SELECT count(*) FROM %s", what));
	struct err err;

	assert_ok(rows_one(rows, &err, "count"), &err);
	return rows_int(rows, 0);
}

/* ---- replies ---- */

static void
must_42_a_cert_rep_has_its_attributes_as_printable_strings_and_is_signed_by_the_ca(void **state)
{
	struct world w = world(*state);
	struct craft_reply r = ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w), .transaction = "A-1/b=" } });

	assert_string_equal(r.type, "3");
	assert_string_equal(r.status, "0");
	assert_null(r.fail);
	assert_string_equal(r.transaction, "A-1/b=");
	assert_int_equal(r.recipient_nonce.len, 16);
	assert_memory_equal(r.recipient_nonce.p, CRAFT_NONCE, 16);
	assert_int_equal(r.sender_nonce.len, 16);
	assert_memory_not_equal(r.sender_nonce.p, CRAFT_NONCE, 16);
	assert_int_equal(X509_cmp(r.signer, ca_cert(w.server.ca)), 0);
	assert_string_equal(r.signature, "rsaEncryption");	/* strongSwan 5.9.8 knows no other name */
}

static void
must_42_under_a_root_the_signing_ra_signs_and_the_other_one_opens(void **state)
{
	struct world w = world_of(*state, true);
	struct craft_reply r = ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w) } });

	assert_int_equal(X509_cmp(r.signer, ca_signer(w.server.ca)), 0);
	assert_int_not_equal(X509_cmp(r.signer, ca_decrypter(w.server.ca)), 0);
	assert_int_equal(X509_get_key_usage(ca_signer(w.server.ca)) & KU_KEY_ENCIPHERMENT, 0);
	assert_int_equal(X509_check_issued(ca_cert(w.server.ca), only_cert(&r)), X509_V_OK);
}

static void
must_43_success_holds_one_certificate_enveloped_to_the_signer_with_its_own_cipher(void **state)
{
	static const char *const ciphers[] = { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC", "DES-EDE3-CBC" };
	struct world w = world(*state);

	for (size_t i = 0; i < 4; i++) {
		struct craft_reply r = ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w),
			.cipher = ciphers[i], .transaction = ciphers[i], .ber = i % 2 } });

		assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(only_cert(&r)), craft_key(0)), 1);
		assert_string_equal(r.cipher, ciphers[i]);
	}
}

static void
single_des_is_answered_with_triple(void **state)
{
	struct world w = world(*state);
	struct craft_reply r;

	w.conf->scep_allow_single_des = true;
	r = ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w), .cipher = "DES-CBC", .digest = "SHA1" } });
	only_cert(&r);
	assert_string_equal(r.cipher, "DES-EDE3-CBC");
}

static void
must_44_failure_and_pending_have_no_content(void **state)
{
	struct world w = world(*state);
	struct craft_reply r;

	assert_refused(ask(*state, &w, (struct ask){ { .challenge = "wrong" } }), "2");
	w.conf->scep_manual_approval = true;
	r = ask(*state, &w, (struct ask){ { .transaction = "by hand" } });
	assert_string_equal(r.status, "3");
	assert_null(r.fail);
	assert_false(r.content);
}

static void
of_several_recipients_ours_is_found(void **state)
{
	struct world w = world_of(*state, true);
	STACK_OF(X509) *all = sk_X509_new_null();
	struct craft_reply r;

	sk_X509_push(all, ca_cert(w.server.ca));
	sk_X509_push(all, ca_signer(w.server.ca));
	r = ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w), .to_also = all } });
	only_cert(&r);
	sk_X509_free(all);
}

/* ---- challenges ---- */

static void
must_45_and_behaviour_8_a_wrong_used_or_expired_challenge_gives_no_certificate(void **state)
{
	struct world w = world(*state);
	char *used = challenge(*state, &w), *expires = challenge_for(*state, &w, (struct challenge_wish){ .ttl_s = 60 });

	assert_refused(ask(*state, &w, (struct ask){ { .challenge = "wrong" } }), "2");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = NULL } }), "2");
	only_cert((struct craft_reply[]){ ask(*state, &w, (struct ask){ { .challenge = used } }) });
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = used, .transaction = "other" } }), "2");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = used, .key = craft_key(1) } }), "2");
	now_is(&w, "2026-11-22T12:01:00Z");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = expires } }), "2");
	assert_int_equal(count_of(*state, &w, "certificate"), 1);
}

static void
must_46_the_same_request_again_gets_the_same_certificate_within_the_challenges_life(void **state)
{
	struct world w = world(*state);
	struct ask again = { { .challenge = challenge(*state, &w), .transaction = "again" } };
	struct craft_reply first = ask(*state, &w, again), second;

	now_is(&w, "2026-11-22T12:59:59Z");
	second = ask(*state, &w, again);
	assert_int_equal(X509_cmp(only_cert(&first), only_cert(&second)), 0);
	assert_int_equal(count_of(*state, &w, "certificate"), 1);
	now_is(&w, "2026-11-22T13:00:00Z");
	assert_refused(ask(*state, &w, again), "2");
}

static void
a_certificate_that_was_revoked_is_not_given_again(void **state)
{
	struct world w = world(*state);
	struct ask again = { { .challenge = challenge(*state, &w) } };
	struct craft_reply first = ask(*state, &w, again);
	char hex[X509_FINGERPRINT_SIZE];
	struct err err;

	assert_ok(certificate_revoke(w.db, x509_sha256(only_cert(&first), hex), "keyCompromise", &err), &err);
	assert_refused(ask(*state, &w, again), "2");
}

static void
must_49_the_template_says_what_a_certificate_is_and_the_request_says_nothing(void **state)
{
	struct world w = world(*state);
	struct craft_reply r = ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w), .fault = CRAFT_CSR_CA,
							       .subject = "administrator" } }), other;
	X509 *leaf = only_cert(&r);
	char *subject = X509_NAME_oneline(X509_get_subject_name(leaf), NULL, 0);

	assert_string_equal(subject, "/O=Example/CN=printer 7");
	OPENSSL_free(subject);
	assert_int_equal(X509_check_ca(leaf), 0);
	assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_int_equal(X509_get_extended_key_usage(leaf), XKU_SSL_CLIENT);
	assert_null(X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL));
	other = ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w) } });
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(leaf), X509_get0_serialNumber(only_cert(&other))), 0);
	assert_int_equal(X509_verify(leaf, X509_get0_pubkey(ca_cert(w.server.ca))), 1);
}

static void
must_40_the_cas_certificate_is_rsa_and_may_do_all_four_things(void **state)
{
	struct world w = world(*state);

	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(ca_cert(w.server.ca))), EVP_PKEY_RSA);
	assert_int_equal(X509_get_key_usage(ca_cert(w.server.ca)),
			 KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_CERT_SIGN | KU_CRL_SIGN);
}

static void
must_50_a_bad_signature_is_bad_message_check(void **state)
{
	struct world w = world(*state);

	assert_refused(ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w), .fault = CRAFT_SIGNATURE } }), "1");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w), .fault = CRAFT_TAMPERED } }), "1");
	assert_int_equal(count_of(*state, &w, "certificate"), 0);
}

static void
must_48_des_and_md5_are_bad_alg(void **state)
{
	struct world w = world(*state);

	assert_refused(ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w), .cipher = "DES-CBC" } }), "0");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w), .digest = "MD5" } }), "0");
	assert_int_equal(count_of(*state, &w, "certificate"), 0);
}

static void
behaviour_8_of_all_message_types_only_the_allowed_do_anything(void **state)
{
	struct world w = world(*state);
	char *text = challenge(*state, &w);
	int taken = 0;

	for (int type = 0; type < 256; type++) {
		void *ctx = talloc_new(*state);
		struct craft_reply r = ask(ctx, &w, (struct ask){ { .type = mem_printf(ctx, "%d", type), .challenge = text,
								    .transaction = "types" } });

		if (type == 17 || type == 19)
			taken += strcmp(r.status, "0") == 0;
		else
			assert_refused(r, type == 20 ? "4" : "2");
		talloc_free(ctx);
	}
	assert_int_equal(taken, 2);
	assert_int_equal(count_of(*state, &w, "certificate"), 1);
}

struct racer {
	const struct world *w;
	struct bytes message;
	const char *address;
	pthread_barrier_t *barrier;
	_Atomic pid_t thread;		/* 0: not off yet */
	char result[16];
};

static void *
race(void *arg)
{
	struct racer *r = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct scep_call call = { .message = r->message, .address = r->address, .udid = "" };
	struct scep_answer answer;
	struct err err;

	pthread_barrier_wait(r->barrier);
	r->thread = gettid();
	if (scep_answer(ctx, &r->w->server, &call, &answer, &err))
		snprintf(r->result, sizeof r->result, "%s", answer.result);
	else
		snprintf(r->result, sizeof r->result, "error");
	return NULL;
}

static bool
sleeps(pid_t thread)
{
	char path[64], line[256] = "";
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
	file = thread ? fopen(path, "r") : NULL;
	if (file && !fgets(line, sizeof line, file))
		line[0] = '\0';
	if (file)
		fclose(file);
	return strstr(line, ") S ");
}

struct held {
	struct racer *racers;
	pthread_barrier_t *barrier;
	struct db *db;
	int all;	/* how often in a row all of them were seen waiting */
};

/* Nobody writes until all have read their message, looked at the challenge, found it good, and signed a certificate. */
static bool
tx_hold(struct db *tx, void *arg, struct err *err)
{
	struct held *held = arg;

	(void)tx, (void)err;
	pthread_barrier_wait(held->barrier);
	for (int i = 0; i < 60000 && held->all < 20; i++) {
		int n = 0;

		usleep(1000);
		while (n < RACERS && sleeps(held->racers[n].thread))
			n++;
		held->all = n == RACERS ? held->all + 1 : 0;
	}
	return true;
}

static void *
hold(void *arg)
{
	struct held *held = arg;
	struct err err;

	assert_ok(db_tx(held->db, tx_hold, held, &err), &err);
	return NULL;
}

static int
with_result(const struct racer *racers, const char *result)
{
	int n = 0;

	for (int i = 0; i < RACERS; i++)
		n += strcmp(racers[i].result, result) == 0;
	return n;
}

/* All of them are at the same place in the same moment: each is about to use the challenge up. */
static void
run_race(TALLOC_CTX *ctx, const struct world *w, struct racer *racers)
{
	pthread_t threads[RACERS], holder;
	pthread_barrier_t barrier;
	struct held held = { racers, &barrier, w->db, 0 };

	pthread_barrier_init(&barrier, NULL, RACERS + 1);
	assert_int_equal(pthread_create(&holder, NULL, hold, &held), 0);
	for (int i = 0; i < RACERS; i++) {
		racers[i].w = w;
		racers[i].barrier = &barrier;
		racers[i].address = mem_printf(ctx, "192.0.2.%d", i);	/* who guesses wrong is not tried for long */
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(holder, NULL);
	pthread_barrier_destroy(&barrier);
	assert_int_equal(held.all, 20);
}

static void
fifty_at_once_with_one_challenge_get_one_certificate(void **state)
{
	struct world w = world(*state);
	char *text = challenge(*state, &w);
	struct racer racers[RACERS] = { 0 };

	for (int i = 0; i < RACERS; i++) {
		struct craft c = { .challenge = text, .key = craft_key(i % 5), .to = ca_decrypter(w.server.ca),
				   .transaction = mem_printf(*state, "racer %d", i) };

		racers[i].message = craft(*state, &c);
	}
	run_race(*state, &w, racers);
	assert_int_equal(with_result(racers, "issued"), 1);
	assert_int_equal(with_result(racers, "refused"), RACERS - 1);
	assert_int_equal(count_of(*state, &w, "certificate"), 1);
	assert_int_equal(count_of(*state, &w, "audit WHERE act = 'challenge.misused'"), 1);
}

static void
fifty_times_the_same_request_at_once_is_one_certificate_for_all(void **state)
{
	struct world w = world(*state);
	struct craft c = { .challenge = challenge(*state, &w), .to = ca_decrypter(w.server.ca) };
	struct racer racers[RACERS] = { 0 };

	for (int i = 0; i < RACERS; i++)
		racers[i].message = craft(*state, &c);
	run_race(*state, &w, racers);
	assert_int_equal(with_result(racers, "issued"), 1);
	assert_int_equal(with_result(racers, "same"), RACERS - 1);
	assert_int_equal(count_of(*state, &w, "certificate"), 1);
}

static void
behaviour_8_a_challenge_of_a_session_is_good_at_its_url_alone(void **state)
{
	struct world w = world(*state);
	struct challenge_wish wish = { .purpose = CA_MDM, .session_id = SESSION, .udid = "PHONE-1" };
	char *text = challenge_for(*state, &w, wish);
	struct craft_reply r;
	struct err err;
	char *none;

	assert_refused(ask(*state, &w, (struct ask){ { .challenge = text } }), "2");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = text }, .session = "session2" }), "2");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = text }, .session = "" }), "2");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = text }, .session = SESSION, .udid = "PHONE-2" }), "2");
	r = ask(*state, &w, (struct ask){ { .challenge = text }, .session = SESSION, .udid = "PHONE-1" });
	only_cert(&r);
	assert_int_equal(count_of(*state, &w, "certificate WHERE session_id = '" SESSION "' AND purpose = 'mdm'"), 1);
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w) }, .session = SESSION }), "2");
	wish.session_id = NULL;
	wish.subject = "CN=x";
	assert_false(challenge_new(w.db, *state, &wish, &none, &err));
	assert_int_equal(err.kind, ERR_INVALID);
}

/* ---- of one device ---- */

static void
device(TALLOC_CTX *ctx, const struct world *w, const char *id)
{
	const char *e = mem_printf(ctx, "enrollment of %s", id);
	struct err err;

	assert_ok(db_run(w->db, &err, "INSERT INTO device (id, udid, enrollment_id, created, changed) VALUES ($1, $2, $3, 1, 1)",
			 db_text(id), db_text(mem_printf(ctx, "UDID-%s", id)), db_text(e)), &err);
	assert_ok(db_run(w->db, &err, "INSERT INTO enrollment (id, device_id, session_id, state, identity, access_rights, created,"
			 " turn) VALUES ($1, $2, $1, 'enrolled', $1, 8191, 1, 1)", db_text(e), db_text(id)), &err);
}

static char *
challenge_of(TALLOC_CTX *ctx, const struct world *w, const char *device_id)
{
	const struct challenge_wish wish = { .purpose = CA_CLIENT, .subject = "CN=VPN of a phone,O=Example" };
	struct err err;
	char *text;

	assert_ok(challenge_new_by(w->db, ctx, "anna", device_id, &wish, &text, &err), &err);
	return text;
}

static int64_t
of_device_1(const struct world *w, const char *state)
{
	json_t *list, *item;
	struct err err;
	int64_t n = 0;
	size_t i;

	assert_ok(certificate_list(w->db, NULL, NULL, 100, &list, &err), &err);
	json_array_foreach(json_object_get(list, "items"), i, item)
		n += strcmp(text_of(item, "device"), "d1") == 0 && strcmp(text_of(item, "state"), state) == 0;
	json_decref(list);
	return n;
}

static void
what_a_challenge_of_a_device_brings_is_that_devices_and_ends_with_its_management(void **state)
{
	struct world w = world(*state);
	char *unused, *others;
	struct ask first;
	struct craft_reply r, next;
	struct err err;

	device(*state, &w, "d1");
	device(*state, &w, "d2");
	first = (struct ask){ { .challenge = challenge_of(*state, &w, "d1"), .transaction = "first" } };
	unused = challenge_of(*state, &w, "d1");
	others = challenge_of(*state, &w, "d2");
	r = ask(*state, &w, first);
	next = ask(*state, &w, (struct ask){ { .signer = only_cert(&r), .signer_key = craft_key(0), .key = craft_key(1) } });
	only_cert(&next);
	assert_int_equal(of_device_1(&w, "valid"), 2);

	assert_ok(enrollment_retire(w.db, "anna", "d1", "lost", &err), &err);
	assert_int_equal(of_device_1(&w, "revoked"), 2);
	assert_int_equal(count_of(*state, &w, "certificate WHERE reason = 'cessationOfOperation'"), 2);
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = unused, .transaction = "second" } }), "2");
	assert_refused(ask(*state, &w, first), "2");	/* what it got is not given again */
	assert_refused(ask(*state, &w, (struct ask){ { .signer = only_cert(&next), .signer_key = craft_key(1), .key = craft_key(2) } }), "2");
	assert_int_equal(count_of(*state, &w, "certificate"), 2);
	next = ask(*state, &w, (struct ask){ { .challenge = others, .transaction = "third" } });
	only_cert(&next);
	assert_int_equal(of_device_1(&w, "valid"), 0);
}

/* With the key of its own identity, so that it is no request that somebody has signed again. */
static void
who_signs_as_another_device_gets_nothing_for_the_challenge_of_this_one(void **state)
{
	struct world w = world(*state);
	struct craft_reply vpn, identity, r;
	char sha256[X509_FINGERPRINT_SIZE], *text;
	struct err err;

	device(*state, &w, "d1");
	device(*state, &w, "d2");
	vpn = ask(*state, &w, (struct ask){ { .challenge = challenge_of(*state, &w, "d2"), .transaction = "vpn" } });
	identity = ask(*state, &w, (struct ask){ { .transaction = "identity", .key = craft_key(1), .challenge = challenge_for(*state,
		&w, (struct challenge_wish){ .purpose = CA_MDM, .session_id = SESSION }) }, .session = SESSION });
	assert_ok(db_run(w.db, &err, "UPDATE enrollment SET identity = $1 WHERE device_id = 'd2'",
			 db_text(x509_sha256(only_cert(&identity), sha256))), &err);
	text = challenge_of(*state, &w, "d1");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = text, .signer = only_cert(&vpn), .signer_key = craft_key(0),
		.key = craft_key(0), .transaction = "a" } }), "2");
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = text, .signer = only_cert(&identity), .signer_key = craft_key(1),
		.key = craft_key(1), .transaction = "b" } }), "2");
	assert_int_equal(count_of(*state, &w, "certificate"), 2);
	assert_int_equal(count_of(*state, &w, "audit WHERE act = 'challenge.misused'"), 1);
	/* Its own identity may, and so may a key of which nothing is known. */
	r = ask(*state, &w, (struct ask){ { .challenge = challenge_of(*state, &w, "d2"), .signer = only_cert(&identity),
		.signer_key = craft_key(1), .key = craft_key(1), .transaction = "c" } });
	only_cert(&r);
	r = ask(*state, &w, (struct ask){ { .challenge = text, .key = craft_key(2), .transaction = "d" } });
	only_cert(&r);
}

/* Its device ends between the look at it and the transaction that uses it up. */
static void
a_challenge_whose_device_goes_while_it_is_used_brings_nothing(void **state)
{
	struct world w = world(*state);
	char *text;
	struct err err;

	device(*state, &w, "d1");
	text = challenge_of(*state, &w, "d1");
	assert_ok(db_run(w.db, &err, "CREATE TRIGGER ended BEFORE INSERT ON certificate BEGIN UPDATE challenge SET expires = 1;"
			 " UPDATE enrollment SET state = 'removed'; END"), &err);
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = text } }), "2");
	assert_int_equal(count_of(*state, &w, "certificate"), 0);
	/* Nor one of before, when what ends a device did not know of it. */
	assert_ok(db_run(w.db, &err, "DROP TRIGGER ended"), &err);
	text = challenge_of(*state, &w, "d1");
	assert_ok(db_run(w.db, &err, "UPDATE challenge SET enrollment_id = NULL"), &err);
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = text } }), "2");
}

static void
a_challenge_for_a_device_that_is_not_there_is_refused_by_its_name(void **state)
{
	const struct challenge_wish wish = { .purpose = CA_CLIENT, .subject = "CN=VPN" };
	struct world w = world(*state);
	char text[sizeof(struct err)], *none;
	struct err err;

	assert_false(challenge_new_by(w.db, *state, "anna", "d9", &wish, &none, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_string_equal(err_text(&err, text, sizeof text), "device d9: there is none with this id");
	device(*state, &w, "d1");
	assert_ok(enrollment_retire(w.db, "anna", "d1", "lost", &err), &err);
	assert_false(challenge_new_by(w.db, *state, "anna", "d1", &wish, &none, &err));
	assert_string_equal(err_text(&err, text, sizeof text), "device d1: this device is not under management");
	assert_int_equal(count_of(*state, &w, "challenge"), 0);
}

static void
a_request_that_another_key_signs_again_does_not_use_up_its_challenge(void **state)
{
	struct world w = world(*state);
	char *text = challenge(*state, &w);
	struct ask theirs = { { .challenge = text, .key = craft_key(0), .signer_key = craft_key(1) } };
	struct craft_reply r;

	assert_refused(ask(*state, &w, theirs), "2");
	r = ask(*state, &w, (struct ask){ { .challenge = text } });
	only_cert(&r);
}

static void
what_is_wrong_inside_is_answered_in_one_way(void **state)
{
	struct world w = world(*state);
	size_t len = 0;

	for (int fault = CRAFT_KEY_NOISE; fault < CRAFT_CSR_CA; fault++) {
		struct craft c = { .challenge = challenge(*state, &w), .fault = (enum craft_fault)fault };
		struct scep_answer answer;

		c.signer = craft_cert(*state, craft_key(0), "throw-away");
		c.signer_key = craft_key(0);
		answer = answer_to(*state, &w, (struct ask){ c });
		assert_string_equal(answer.result, "refused");
		assert_refused(craft_read(*state, answer.reply, NULL, NULL), "2");
		len = len ? len : answer.reply.len;
		assert_int_equal(answer.reply.len, len);
	}
	assert_int_equal(count_of(*state, &w, "certificate"), 0);
}

/* Those that cannot be answered use nothing up; of the others each has a challenge, and a certificate if it is taken. */
static void
what_known_defects_of_others_were_about_gets_its_answer_and_no_certificate(void **state)
{
	struct world w = world(*state);
	int64_t issued = 0;

	for (int i = 0; i < CRAFT_KNOWN_N; i++) {
		const struct craft_known_row *row = &craft_known_rows[i];
		struct craft c = { .to = ca_decrypter(w.server.ca), .challenge = challenge(*state, &w),
				   .transaction = mem_printf(*state, "known-%d", i) };
		struct scep_call call = { .message = craft_known(*state, &c, (enum craft_known)i), .udid = "",
					  .address = mem_printf(*state, "192.0.2.%d", i) };
		struct scep_answer answer;
		struct craft_reply reply;
		struct err err = { 0 };

		if (!scep_answer(*state, &w.server, &call, &answer, &err)) {
			if (row->answer != CRAFT_GARBAGE || err.kind != ERR_MALFORMED)
				fail_msg("%s: %s", row->what, err.cause);
			continue;
		}
		reply = craft_read(*state, answer.reply, NULL, craft_key(0));
		if (row->answer == CRAFT_TAKEN) {
			assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(only_cert(&reply)), craft_key(0)), 1);
			issued++;
		} else {
			assert_refused(reply, row->answer == 0 ? "0" : "2");
		}
		assert_true(row->answer != CRAFT_GARBAGE);
		assert_int_equal(count_of(*state, &w, "certificate"), issued);
	}
	assert_int_equal(issued, 3);
	assert_int_equal(count_of(*state, &w, "challenge WHERE used IS NOT NULL"), issued);
}

static void
after_five_wrong_ones_within_a_minute_an_address_is_not_tried(void **state)
{
	struct world w = world(*state);
	char *text = challenge(*state, &w);
	struct ask good = { { .challenge = text }, .address = "192.0.2.7" };
	X509 *old = enrolled(*state, &w, 1);
	struct craft_reply r;

	for (int i = 0; i < 5; i++)
		assert_refused(ask(*state, &w, (struct ask){ { .challenge = "guess" }, .address = "192.0.2.7" }), "2");
	assert_refused(ask(*state, &w, good), "2");
	r = ask(*state, &w, (struct ask){ { .signer = old, .signer_key = craft_key(1), .key = craft_key(2) },
					  .address = "192.0.2.7" });
	only_cert(&r);		/* who shows a certificate of ours does not guess */
	now_is(&w, "2026-11-22T12:01:00Z");
	r = ask(*state, &w, good);
	only_cert(&r);
}

static void
addresses_of_one_customer_count_as_one(void **state)
{
	(void)state;
	guesses_forget();
	for (int i = 0; i < 5; i++)
		guesses_wrong("2001:db8:1:2::1");
	assert_false(guesses_left("2001:db8:1:2:ffff::9"));
	assert_true(guesses_left("2001:db8:1:3::1"));
	assert_true(guesses_left("192.0.2.1"));
	guesses_forget();
}

/* A company's phones have one address: whoever guesses behind it keeps none of them from its own enrollment. */
static void
who_guesses_behind_an_address_does_not_shut_out_the_sessions_behind_it(void **state)
{
	struct world w = world(*state);
	char *text = challenge_for(*state, &w, (struct challenge_wish){ .purpose = CA_MDM, .session_id = SESSION });
	struct craft_reply r;

	for (int i = 0; i < 5; i++)
		assert_refused(ask(*state, &w, (struct ask){ { .challenge = "guess" }, .address = "192.0.2.7" }), "2");
	r = ask(*state, &w, (struct ask){ { .challenge = text }, .session = SESSION, .address = "192.0.2.7" });
	only_cert(&r);
	for (int i = 0; i < 5; i++)
		assert_refused(ask(*state, &w, (struct ask){ { .challenge = "guess" }, .session = SESSION }), "2");
	text = challenge_for(*state, &w, (struct challenge_wish){ .purpose = CA_MDM, .session_id = SESSION });
	assert_refused(ask(*state, &w, (struct ask){ { .challenge = text, .key = craft_key(1) }, .session = SESSION }), "2");
}

static void
a_challenge_that_somebody_may_not_use_is_a_security_event_once(void **state)
{
	struct world w = world(*state);
	char *text = challenge(*state, &w);

	only_cert((struct craft_reply[]){ ask(*state, &w, (struct ask){ { .challenge = text } }) });
	for (int i = 0; i < 3; i++)
		assert_refused(ask(*state, &w, (struct ask){ { .challenge = text, .key = craft_key(1) } }), "2");
	assert_int_equal(count_of(*state, &w, "audit WHERE act = 'challenge.misused'"), 1);
	assert_int_equal(count_of(*state, &w, mem_printf(*state, "challenge WHERE hash = '%s'", text)), 0);
}

/* ---- renewals ---- */

static void
a_live_certificate_of_ours_renews_itself_whatever_the_message_type(void **state)
{
	struct world w = world(*state);

	for (int i = 0; i < 2; i++) {
		X509 *old = enrolled(*state, &w, 2 * i);
		struct craft_reply r = ask(*state, &w, (struct ask){ { .type = i ? "17" : "19", .signer = old,
			.signer_key = craft_key(2 * i), .key = craft_key(2 * i + 1), .transaction = "renewal",
			.challenge = i ? NULL : "long used up" } });
		X509 *next = only_cert(&r);

		assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(next), craft_key(2 * i + 1)), 1);
		assert_int_equal(X509_NAME_cmp(X509_get_subject_name(old), X509_get_subject_name(next)), 0);
	}
	assert_int_equal(count_of(*state, &w, "scep_renewal"), 2);
	assert_int_equal(count_of(*state, &w, "certificate WHERE purpose = 'client'"), 4);
}

static void
who_signs_with_the_certificate_of_a_challenge_wants_the_next_one_with_the_same_challenge(void **state)
{
	struct world w = world(*state);
	struct ask first = { { .challenge = challenge(*state, &w), .transaction = "t" } };
	struct craft_reply r = ask(*state, &w, first), again;
	struct ask resubmit = first;

	resubmit.craft.signer = only_cert(&r);
	resubmit.craft.signer_key = craft_key(0);
	again = ask(*state, &w, resubmit);
	assert_int_not_equal(X509_cmp(only_cert(&r), only_cert(&again)), 0);
	assert_int_equal(count_of(*state, &w, "scep_renewal"), 1);
}

static void
a_renewal_keeps_purpose_and_session_and_needs_neither_token_nor_challenge(void **state)
{
	struct world w = world(*state);
	char *text = challenge_for(*state, &w, (struct challenge_wish){ .purpose = CA_MDM, .session_id = SESSION });
	struct craft_reply r = ask(*state, &w, (struct ask){ { .challenge = text }, .session = SESSION }), next;

	next = ask(*state, &w, (struct ask){ { .signer = only_cert(&r), .signer_key = craft_key(0), .key = craft_key(1) },
					     .session = "" });
	only_cert(&next);
	assert_int_equal(count_of(*state, &w, "certificate WHERE session_id = '" SESSION "' AND purpose = 'mdm'"), 2);
}

static void
who_has_left_does_not_renew_the_identity_that_it_keeps_until_that_runs_out(void **state)
{
	struct world w = world(*state);
	struct craft_reply identity, next, r;
	char sha256[X509_FINGERPRINT_SIZE];
	struct ask old, unshown;
	struct err err;

	device(*state, &w, "d1");
	identity = ask(*state, &w, (struct ask){ { .challenge = challenge_for(*state, &w, (struct challenge_wish){
		.purpose = CA_MDM, .session_id = SESSION }) }, .session = SESSION });
	assert_ok(db_run(w.db, &err, "UPDATE enrollment SET session_id = '" SESSION "', identity = $1",
			 db_text(x509_sha256(only_cert(&identity), sha256))), &err);
	next = ask(*state, &w, (struct ask){ { .signer = only_cert(&identity), .signer_key = craft_key(0), .key = craft_key(1) } });
	old = (struct ask){ { .signer = only_cert(&identity), .signer_key = craft_key(0), .key = craft_key(2), .transaction = "o" } };
	unshown = (struct ask){ { .signer = only_cert(&next), .signer_key = craft_key(1), .key = craft_key(2), .transaction = "u" } };
	now_is(&w, "2026-11-22T12:30:00Z");
	assert_ok(db_run(w.db, &err, "UPDATE enrollment SET state = 'removed'"), &err);
	assert_refused(ask(*state, &w, old), "2");
	assert_refused(ask(*state, &w, unshown), "2");
	assert_int_equal(count_of(*state, &w, "certificate"), 2);
	assert_ok(db_run(w.db, &err, "UPDATE enrollment SET state = 'enrolled'"), &err);	/* it is back */
	r = ask(*state, &w, unshown);
	only_cert(&r);
}

static void
a_certificate_that_is_revoked_while_its_renewal_is_under_way_renews_nothing(void **state)
{
	struct world w = world(*state);
	X509 *old = enrolled(*state, &w, 0);
	struct craft_reply r;
	struct err err;

	/* Between the look at the signer and the end of the transaction. */
	assert_ok(db_run(w.db, &err, "CREATE TRIGGER ended BEFORE INSERT ON certificate BEGIN UPDATE certificate SET revoked = 1,"
			 " reason = 'superseded'; END"), &err);
	r = ask(*state, &w, (struct ask){ { .signer = old, .signer_key = craft_key(0), .key = craft_key(1) } });
	assert_string_equal(r.status, "2");
	assert_int_equal(count_of(*state, &w, "certificate"), 1);
	assert_int_equal(count_of(*state, &w, "scep_renewal"), 0);
}

static void
a_certificate_is_renewed_once_in_ten_minutes_and_the_same_request_gets_the_same_again(void **state)
{
	struct world w = world(*state);
	X509 *old = enrolled(*state, &w, 0);
	struct ask renewal = { { .signer = old, .signer_key = craft_key(0), .key = craft_key(1), .transaction = "r" } };
	struct craft_reply first = ask(*state, &w, renewal), again = ask(*state, &w, renewal);

	assert_int_equal(X509_cmp(only_cert(&first), only_cert(&again)), 0);
	renewal.craft.key = craft_key(2);
	assert_refused(ask(*state, &w, renewal), "2");
	now_is(&w, "2026-11-22T12:10:00Z");
	again = ask(*state, &w, renewal);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(only_cert(&again)), craft_key(2)), 1);
	assert_int_equal(count_of(*state, &w, "certificate"), 3);
}

static void
revoked_expired_and_passing_certificates_do_not_renew(void **state)
{
	struct world w = world(*state);
	X509 *revoked = enrolled(*state, &w, 0), *expired = enrolled(*state, &w, 1), *passing;
	char *text = challenge_for(*state, &w, (struct challenge_wish){ .purpose = CA_OTA, .session_id = SESSION });
	struct craft_reply r = ask(*state, &w, (struct ask){ { .challenge = text, .key = craft_key(2) }, .session = SESSION });
	char hex[X509_FINGERPRINT_SIZE];
	struct err err;

	passing = only_cert(&r);
	assert_refused(ask(*state, &w, (struct ask){ { .signer = passing, .signer_key = craft_key(2), .key = craft_key(3) } }), "2");
	assert_ok(certificate_revoke(w.db, x509_sha256(revoked, hex), "superseded", &err), &err);
	assert_refused(ask(*state, &w, (struct ask){ { .signer = revoked, .signer_key = craft_key(0), .key = craft_key(3) } }), "2");
	now_is(&w, "2028-11-22T12:00:00Z");
	assert_refused(ask(*state, &w, (struct ask){ { .signer = expired, .signer_key = craft_key(1), .key = craft_key(3) } }), "2");
	assert_int_equal(count_of(*state, &w, "scep_renewal"), 0);
}

static void
a_certificate_of_the_same_names_by_somebody_else_renews_nothing(void **state)
{
	struct world w = world(*state);
	X509 *ours = enrolled(*state, &w, 0), *forged = X509_dup(ours);
	struct craft_reply r;

	assert_true(X509_set_pubkey(forged, craft_key(1)) && X509_sign(forged, craft_key(2), EVP_sha256()));
	r = ask(*state, &w, (struct ask){ { .type = "17", .signer = forged, .signer_key = craft_key(1), .key = craft_key(1) } });
	assert_refused(r, "2");
	X509_free(forged);
}

static void
a_good_challenge_counts_more_than_the_certificate_that_signs(void **state)
{
	struct world w = world(*state);
	X509 *old = enrolled(*state, &w, 0);
	char *text = challenge(*state, &w);	/* with the subject that it has */
	struct craft_reply r = ask(*state, &w, (struct ask){ { .challenge = text, .signer = old, .signer_key = craft_key(0),
							       .key = craft_key(1) } });

	only_cert(&r);
	assert_int_equal(count_of(*state, &w, "challenge WHERE used IS NOT NULL"), 2);
	assert_int_equal(count_of(*state, &w, "scep_renewal"), 0);
}

/* Its envelope was overheard: the thief cannot open it, but has an identity of ours to sign it with. */
static void
an_enrolled_device_does_not_use_up_the_challenge_of_another(void **state)
{
	struct world w = world(*state);
	X509 *thief = enrolled(*state, &w, 0);
	char *text = challenge_for(*state, &w, (struct challenge_wish){ .purpose = CA_MDM, .session_id = SESSION,
									.subject = "CN=phone" });
	struct ask own = { { .challenge = text, .key = craft_key(1), .transaction = "phone" }, .session = SESSION }, stolen = own;
	struct craft_reply r;

	stolen.craft.signer = thief;
	stolen.craft.signer_key = craft_key(0);
	assert_refused(ask(*state, &w, stolen), "2");
	assert_int_equal(count_of(*state, &w, "scep_renewal"), 0);
	r = ask(*state, &w, own);
	only_cert(&r);
}

static void
a_chain_of_renewals_has_an_end_within_a_day(void **state)
{
	struct world w = world(*state);
	X509 *cert = enrolled(*state, &w, 0);
	struct craft_reply r;

	for (int i = 0; i < SCEP_RENEWALS_MAX; i++) {
		r = ask(*state, &w, (struct ask){ { .signer = cert, .signer_key = craft_key(i % 2), .key = craft_key(1 - i % 2),
						    .transaction = mem_printf(*state, "r%d", i) } });
		cert = only_cert(&r);
	}
	r = ask(*state, &w, (struct ask){ { .signer = cert, .signer_key = craft_key(0), .key = craft_key(1) } });
	assert_refused(r, "2");
	now_is(&w, "2026-11-23T12:00:01Z");
	r = ask(*state, &w, (struct ask){ { .signer = cert, .signer_key = craft_key(0), .key = craft_key(1) } });
	only_cert(&r);
}

static const char *
hex_of(TALLOC_CTX *ctx, X509 *cert)
{
	return x509_sha256(cert, mem_size(ctx, X509_FINGERPRINT_SIZE));
}

/* The first of a line of three, and a second that the first was renewed to as well, a while after. */
static void
what_is_revoked_takes_with_it_what_it_was_renewed_to_and_nothing_else(void **state)
{
	static const struct { const char *reason; int which; bool of_before; int64_t also; } rows[] = {
		{ "keyCompromise", 0, false, 3 }, { "privilegeWithdrawn", 0, false, 3 }, { "keyCompromise", 1, false, 1 },
		{ "keyCompromise", 2, false, 0 }, { "superseded", 0, false, 0 }, { "unspecified", 0, false, 0 },
		/* what renewed what is not known: then all that is no older */
		{ "keyCompromise", 0, true, 3 }, { "keyCompromise", 1, true, 2 }, { "keyCompromise", 3, true, 0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world w = world(*state);
		X509 *line[4] = { enrolled(*state, &w, 0) }, *other = enrolled(*state, &w, 3);
		struct craft_reply r[4];
		struct err err;
		int64_t also = -1;

		r[3] = ask(*state, &w, (struct ask){ { .signer = other, .signer_key = craft_key(3), .key = craft_key(2), .transaction = "o" } });
		for (int n = 1; n < 4; n++) {
			int from = n == 3 ? 0 : n - 1;

			now_is(&w, mem_printf(*state, "2026-11-22T12:%d0:00Z", n));
			r[n] = ask(*state, &w, (struct ask){ { .signer = line[from], .signer_key = craft_key(from), .key = craft_key(n),
							       .transaction = mem_printf(*state, "t%d", n) } });
			line[n] = only_cert(&r[n]);
		}
		if (rows[i].of_before)
			assert_ok(db_run(w.db, &err, "UPDATE scep_chain SET renewed = NULL"), &err);
		assert_ok(certificate_revoke_by(w.db, "anna", hex_of(*state, line[rows[i].which]), rows[i].reason, &also, &err), &err);
		assert_int_equal(also, rows[i].also);
		assert_int_equal(count_of(*state, &w, "certificate WHERE revoked IS NOT NULL"), also + 1);
		assert_int_equal(count_of(*state, &w, mem_printf(*state, "audit WHERE act = 'certificate.revoke' AND detail LIKE '%%%s'",
			also ? mem_printf(*state, "; and %lld that came of it by renewals", (long long)also) : rows[i].reason)), 1);
	}
}

/* 25 printers, all called so, got theirs by challenges today: that is no renewal. */
static void
many_of_one_subject_that_were_issued_today_keep_nobody_from_a_renewal(void **state)
{
	struct world w = world(*state);
	X509 *cert = enrolled(*state, &w, 0);
	struct craft_reply r;

	for (int i = 0; i <= SCEP_RENEWALS_MAX; i++) {
		r = ask(*state, &w, (struct ask){ { .challenge = challenge(*state, &w), .key = craft_key(1),
						    .transaction = mem_printf(*state, "printer%d", i) } });
		only_cert(&r);
	}
	r = ask(*state, &w, (struct ask){ { .signer = cert, .signer_key = craft_key(0), .key = craft_key(1) } });
	only_cert(&r);
}

/* ---- by hand ---- */

static char *
first_id(TALLOC_CTX *ctx, const struct world *w)
{
	json_t *list;
	struct err err;
	char *id;

	assert_ok(scep_request_list(w->db, &list, &err), &err);
	id = mem_text(ctx, json_string_value(json_object_get(json_array_get(json_object_get(list, "items"), 0), "id")));
	json_decref(list);
	assert_non_null(id);
	return id;
}

static void
must_47_a_poll_for_what_nobody_asked_is_bad_cert_id(void **state)
{
	struct world w = world(*state);

	assert_refused(ask(*state, &w, (struct ask){ { .type = "20", .transaction = "never" } }), "4");
}

static void
a_request_without_a_challenge_waits_for_an_admin_and_polls(void **state)
{
	struct world w = world(*state);
	struct ask by_hand = { { .transaction = "by hand", .subject = "scanner 3" } }, polls = by_hand, stranger;
	struct craft_reply r;
	struct err err;

	w.conf->scep_manual_approval = true;
	polls.craft.type = "20";
	assert_string_equal(ask(*state, &w, by_hand).status, "3");
	assert_string_equal(ask(*state, &w, by_hand).status, "3");
	assert_string_equal(ask(*state, &w, polls).status, "3");
	assert_int_equal(count_of(*state, &w, "scep_request"), 1);
	stranger = polls;
	stranger.craft.key = craft_key(1);
	assert_refused(ask(*state, &w, stranger), "4");
	assert_ok(scep_request_approve(w.db, w.server.ca, "anna", first_id(*state, &w), "CN=scanner 3,O=Example", &err), &err);
	r = ask(*state, &w, polls);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(only_cert(&r)), craft_key(0)), 1);
	r = ask(*state, &w, by_hand);
	only_cert(&r);
	assert_int_equal(count_of(*state, &w, "certificate WHERE subject = 'CN=scanner 3,O=Example'"), 1);
	assert_int_equal(count_of(*state, &w, "audit WHERE act = 'scep.approve' AND actor = 'anna'"), 1);
	assert_false(scep_request_refuse(w.db, "anna", first_id(*state, &w), &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
}

static void
what_an_admin_refuses_is_refused_for_good(void **state)
{
	struct world w = world(*state);
	struct ask by_hand = { { .transaction = "by hand" } };
	struct err err;

	w.conf->scep_manual_approval = true;
	assert_string_equal(ask(*state, &w, by_hand).status, "3");
	assert_ok(scep_request_refuse(w.db, "anna", first_id(*state, &w), &err), &err);
	assert_refused(ask(*state, &w, by_hand), "2");
	by_hand.craft.type = "20";
	assert_refused(ask(*state, &w, by_hand), "2");
	assert_false(scep_request_approve(w.db, w.server.ca, "anna", first_id(*state, &w), NULL, &err));
	assert_int_equal(count_of(*state, &w, "certificate"), 0);
}

static void
nobody_waits_where_it_is_not_allowed_or_a_session_has_its_challenge(void **state)
{
	struct world w = world(*state);

	assert_refused(ask(*state, &w, (struct ask){ { .transaction = "t" } }), "2");
	w.conf->scep_manual_approval = true;
	assert_refused(ask(*state, &w, (struct ask){ { .transaction = "t" }, .session = SESSION }), "2");
	assert_refused(ask(*state, &w, (struct ask){ { .transaction = "t", .challenge = "wrong" } }), "2");
	assert_int_equal(count_of(*state, &w, "scep_request"), 0);
}

static void
the_list_of_those_who_wait_has_an_end(void **state)
{
	struct world w = world(*state);
	struct scep_asked asked = { { "t", "k" }, "CN=x", "192.0.2.1", { "x", 1 } };
	struct err err;
	bool full;

	for (int i = 0; i < SCEP_REQUESTS_MAX; i++) {
		asked.asker.transaction_id = mem_printf(*state, "t%d", i);
		assert_ok(scep_request_add(w.db, &asked, &full, &err), &err);
		assert_false(full);
	}
	assert_ok(scep_request_add(w.db, &asked, &full, &err), &err);
	assert_false(full);	/* is on it already */
	asked.asker.transaction_id = "one more";
	assert_ok(scep_request_add(w.db, &asked, &full, &err), &err);
	assert_true(full);
	now_is(&w, "2026-11-30T12:00:00Z");
	assert_ok(scep_request_sweep(w.db, &err), &err);
	assert_int_equal(count_of(*state, &w, "scep_request"), 0);
}

/* ---- what payloads say ---- */

static void
must_51_the_url_of_an_offer_has_no_query(void **state)
{
	struct world w = world(*state);
	struct challenge_wish wish = { .purpose = CA_MDM, .subject = "CN=phone", .session_id = SESSION };
	struct scep_servers servers;
	struct scep_offer offer;
	struct craft_reply r;
	struct err err;

	assert_ok(scep_servers_read(*state, w.conf, w.server.ca, "https://apps.example.com", &servers, &err), &err);
	assert_ok(scep_offer_new(*state, w.db, &servers, "tok-en", &wish, &offer, &err), &err);
	assert_string_equal(offer.url, "https://apps.example.com/scep/tok-en");
	assert_int_equal(offer.ca_sha256.len, 32);
	assert_int_equal(offer.key_size, 2048);
	assert_false(offer.outside);
	r = ask(*state, &w, (struct ask){ { .challenge = offer.challenge }, .session = SESSION });
	only_cert(&r);
	w.conf->scep_external_url = "https://ndes.example.com/certsrv/mscep/mscep.dll?x=1";
	assert_false(scep_servers_read(*state, w.conf, w.server.ca, "https://apps.example.com", &servers, &err));
}

static void
an_outside_server_issues_identities_and_nothing_else(void **state)
{
	struct world w = world(*state);
	struct challenge_wish wish = { .purpose = CA_MDM, .subject = "CN=phone", .session_id = SESSION };
	struct scep_servers servers;
	struct scep_offer offer;
	struct err err;

	w.conf->scep_external_url = "http://ndes.example.com/certsrv/mscep/mscep.dll";
	w.conf->scep_external_name = "NDES";
	w.conf->scep_external_challenge = "theirs";
	assert_ok(scep_servers_read(*state, w.conf, w.server.ca, "https://apps.example.com", &servers, &err), &err);
	assert_ok(scep_offer_new(*state, w.db, &servers, "token", &wish, &offer, &err), &err);
	assert_true(offer.outside);
	assert_string_equal(offer.url, w.conf->scep_external_url);
	assert_string_equal(offer.name, "NDES");
	assert_string_equal(offer.challenge, "theirs");
	assert_int_equal(count_of(*state, &w, "challenge"), 0);
	wish.purpose = CA_OTA;
	assert_ok(scep_offer_new(*state, w.db, &servers, "token", &wish, &offer, &err), &err);
	assert_false(offer.outside);
	assert_int_equal(count_of(*state, &w, "challenge"), 1);
}

static void
old_challenges_are_swept_when_nobody_can_mistake_them_any_more(void **state)
{
	struct world w = world(*state);
	struct err err;

	challenge(*state, &w);
	now_is(&w, "2026-11-23T12:00:00Z");
	assert_ok(challenge_sweep(w.db, &err), &err);
	assert_int_equal(count_of(*state, &w, "challenge"), 1);
	now_is(&w, "2026-11-30T12:00:00Z");
	assert_ok(challenge_sweep(w.db, &err), &err);
	assert_int_equal(count_of(*state, &w, "challenge"), 0);
}

TESTS(must_40_the_cas_certificate_is_rsa_and_may_do_all_four_things,
      must_42_a_cert_rep_has_its_attributes_as_printable_strings_and_is_signed_by_the_ca,
      must_42_under_a_root_the_signing_ra_signs_and_the_other_one_opens,
      must_43_success_holds_one_certificate_enveloped_to_the_signer_with_its_own_cipher,
      single_des_is_answered_with_triple,
      of_several_recipients_ours_is_found,
      must_44_failure_and_pending_have_no_content,
      must_45_and_behaviour_8_a_wrong_used_or_expired_challenge_gives_no_certificate,
      must_46_the_same_request_again_gets_the_same_certificate_within_the_challenges_life,
      must_47_a_poll_for_what_nobody_asked_is_bad_cert_id,
      must_48_des_and_md5_are_bad_alg,
      must_49_the_template_says_what_a_certificate_is_and_the_request_says_nothing,
      must_50_a_bad_signature_is_bad_message_check,
      must_51_the_url_of_an_offer_has_no_query,
      behaviour_8_of_all_message_types_only_the_allowed_do_anything,
      fifty_at_once_with_one_challenge_get_one_certificate,
      fifty_times_the_same_request_at_once_is_one_certificate_for_all,
      behaviour_8_a_challenge_of_a_session_is_good_at_its_url_alone,
      what_a_challenge_of_a_device_brings_is_that_devices_and_ends_with_its_management,
      who_signs_as_another_device_gets_nothing_for_the_challenge_of_this_one,
      a_challenge_whose_device_goes_while_it_is_used_brings_nothing,
      a_challenge_for_a_device_that_is_not_there_is_refused_by_its_name,
      a_request_that_another_key_signs_again_does_not_use_up_its_challenge,
      what_is_wrong_inside_is_answered_in_one_way,
      what_known_defects_of_others_were_about_gets_its_answer_and_no_certificate,
      after_five_wrong_ones_within_a_minute_an_address_is_not_tried,
      addresses_of_one_customer_count_as_one,
      a_challenge_that_somebody_may_not_use_is_a_security_event_once,
      a_certificate_that_was_revoked_is_not_given_again,
      a_live_certificate_of_ours_renews_itself_whatever_the_message_type,
      who_signs_with_the_certificate_of_a_challenge_wants_the_next_one_with_the_same_challenge,
      a_renewal_keeps_purpose_and_session_and_needs_neither_token_nor_challenge,
      who_has_left_does_not_renew_the_identity_that_it_keeps_until_that_runs_out,
      a_certificate_that_is_revoked_while_its_renewal_is_under_way_renews_nothing,
      a_certificate_is_renewed_once_in_ten_minutes_and_the_same_request_gets_the_same_again,
      revoked_expired_and_passing_certificates_do_not_renew,
      a_certificate_of_the_same_names_by_somebody_else_renews_nothing,
      an_enrolled_device_does_not_use_up_the_challenge_of_another,
      a_chain_of_renewals_has_an_end_within_a_day,
      what_is_revoked_takes_with_it_what_it_was_renewed_to_and_nothing_else,
      many_of_one_subject_that_were_issued_today_keep_nobody_from_a_renewal,
      who_guesses_behind_an_address_does_not_shut_out_the_sessions_behind_it,
      a_good_challenge_counts_more_than_the_certificate_that_signs,
      a_request_without_a_challenge_waits_for_an_admin_and_polls,
      what_an_admin_refuses_is_refused_for_good,
      nobody_waits_where_it_is_not_allowed_or_a_session_has_its_challenge,
      the_list_of_those_who_wait_has_an_end,
      an_outside_server_issues_identities_and_nothing_else,
      old_challenges_are_swept_when_nobody_can_mistake_them_any_more)
