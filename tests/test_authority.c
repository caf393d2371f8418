/* Authorities as a whole: their layouts, chains, CRLs, successors; who is believed; keys at rest. */
#include "check_ca.h"
#include "core/clock.h"
#include "core/file.h"
#include "mdm/ca_key.h"
#include "mdm/ca_set.h"
#include "mdm/subject.h"
#include <dirent.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char *dir_of_test;

static int
forget_dir(char *dir)
{
	(void)dir;
	dir_of_test = NULL;
	return 0;
}

/* The directory of this test. */
static const char *
here(TALLOC_CTX *ctx)
{
	if (!dir_of_test) {
		dir_of_test = mem_text(ctx, test_dir(ctx));
		talloc_set_destructor(dir_of_test, forget_dir);
	}
	return dir_of_test;
}

static struct db *
db_at(TALLOC_CTX *ctx, const char *name)
{
	const char *dir = mem_printf(ctx, "%s/%s", here(ctx), name);
	struct err err = { 0 };
	struct db *db;

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_ok(db_open(ctx, dir, &db, &err), &err);
	return db;
}

static struct db *
test_db(TALLOC_CTX *ctx)
{
	return db_at(ctx, "data");
}

static void
set_clock(TALLOC_CTX *ctx, time_t at)
{
	const char *path = mem_printf(ctx, "%s/clock", here(ctx));
	char text[CLOCK_ISO_SIZE];
	struct err err;

	clock_iso(at, text);
	assert_ok(file_write(path, 0600, (struct bytes){ text, strlen(text) }, &err), &err);
	clock_follow(path);
}

static EVP_PKEY *
one_key(void)
{
	static EVP_PKEY *key;	/* lives as long as the program does */

	if (!key)
		key = EVP_RSA_gen(2048);
	assert_non_null(key);
	return key;
}

static struct certificate *
issue(TALLOC_CTX *ctx, struct ca *ca, const char *subject)
{
	struct ca_wish wish = { one_key(), CA_MDM, subject, NULL };
	struct certificate *cert;
	struct err err = { 0 };

	assert_ok(ca_issue(ctx, ca, &wish, &cert, &err), &err);
	return cert;
}

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	return certificate_keep(tx, arg, err);
}

static struct certificate *
issue_and_keep(TALLOC_CTX *ctx, struct db *db, struct ca *ca, const char *subject)
{
	struct certificate *cert = issue(ctx, ca, subject);
	struct err err = { 0 };

	assert_ok(db_tx(db, tx_keep, cert, &err), &err);
	return cert;
}

static const char *
put_file(TALLOC_CTX *ctx, const char *name, const void *p, size_t len)
{
	const char *path = mem_printf(ctx, "%s/%s", here(ctx), name);
	struct err err = { 0 };

	assert_ok(file_write(path, 0600, (struct bytes){ p, len }, &err), &err);
	return path;
}

/* What another program prints, and whether it was content. */
static char *
ask(TALLOC_CTX *ctx, const char *command, int *status)
{
	FILE *pipe = popen(mem_printf(ctx, "( %s ) 2>&1", command), "r");
	char *text = mem_size(ctx, 65536);
	size_t n;

	assert_non_null(pipe);
	n = fread(text, 1, 65535, pipe);
	text[n] = '\0';
	*status = pclose(pipe);
	return text;
}

static char *
ask_ok(TALLOC_CTX *ctx, const char *command)
{
	int status;
	char *text = ask(ctx, command, &status);

	if (status)
		fail_msg("%s: %s", command, text);
	return text;
}

static void
assert_says(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("\"%s\" is not in:\n%s", words, text);
}

static const char *
as_text(TALLOC_CTX *ctx, X509 *cert)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	const char *path = put_file(ctx, "x.der", der, (size_t)len);

	OPENSSL_free(der);
	return ask_ok(ctx, mem_printf(ctx, "openssl x509 -inform DER -noout -text -in %s", path));
}

/* The CRL as the world gets it, as a PEM file. */
static const char *
crl_file(TALLOC_CTX *ctx, struct ca *ca, const char *key_id, const char *name)
{
	struct err err = { 0 };
	struct bytes der;
	const char *path, *pem = mem_printf(ctx, "%s/%s", here(ctx), name);

	assert_ok(ca_crl(ctx, ca, key_id, &der, &err), &err);
	path = put_file(ctx, "crl.der", der.p, der.len);
	ask_ok(ctx, mem_printf(ctx, "openssl crl -inform DER -in %s -out %s", path, pem));
	return pem;
}

static const char *
cert_file(TALLOC_CTX *ctx, const struct certificate *cert, const char *name)
{
	const char *der = put_file(ctx, "cert.der", cert->der.p, cert->der.len);
	const char *pem = mem_printf(ctx, "%s/%s", here(ctx), name);

	ask_ok(ctx, mem_printf(ctx, "openssl x509 -inform DER -in %s -out %s", der, pem));
	return pem;
}

static const char *
ca_file(TALLOC_CTX *ctx, struct ca *ca)
{
	struct err err = { 0 };
	char *pem;

	assert_ok(ca_pem(ctx, ca, &pem, &err), &err);
	return put_file(ctx, "ca.pem", pem, strlen(pem));
}

/* The keys themselves, which nobody but mdm/ca*.c may ask for. */
static const struct ca_own *
hands(struct ca *ca)
{
	const struct ca_own *own;
	const struct ca_set *set;
	struct err err = { 0 };

	assert_ok(ca_set_ready(ca, &set, &err) && ca_own(set, &own, &err), &err);
	return own;
}

/* ---- layouts ---- */

static void
a_ca_alone_has_the_key_usages_of_scep_and_is_served_as_der(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	struct err err = { 0 };
	struct bytes der;
	bool single;
	X509 *served;
	const char *text = as_text(*state, ca_cert(ca));

	assert_says(text, "Public-Key: (2048 bit)");
	assert_says(text, "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0\n");
	assert_says(text, "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment, Certificate Sign, CRL Sign\n");
	assert_ptr_equal(ca_signer(ca), ca_cert(ca));
	assert_ptr_equal(ca_decrypter(ca), ca_cert(ca));
	assert_ok(ca_scep_certs(*state, ca, &der, &single, &err), &err);
	assert_true(single);
	assert_ok(x509_read_der(der, &served, &err), &err);
	assert_int_equal(X509_cmp(served, ca_cert(ca)), 0);
	X509_free(served);
}

static void
under_a_root_two_ras_answer_scep_each_with_its_own_key_usage(void **state)
{
	struct ca *ca = test_ca_under_root(*state, test_db(*state));
	struct err err = { 0 };
	struct bytes der;
	bool single;
	const unsigned char *p;
	CMS_ContentInfo *cms;
	STACK_OF(X509) *certs;

	assert_says(as_text(*state, ca_cert(ca)), "Key Usage: critical\n                Certificate Sign, CRL Sign\n");
	assert_says(as_text(*state, ca_signer(ca)), "Key Usage: critical\n                Digital Signature\n");
	assert_says(as_text(*state, ca_decrypter(ca)), "Key Usage: critical\n                Key Encipherment\n");
	assert_says(as_text(*state, ca_signer(ca)), "CA:FALSE");
	assert_int_equal(X509_check_private_key(ca_signer(ca), hands(ca)->signer.key), 1);
	assert_int_equal(X509_check_private_key(ca_decrypter(ca), hands(ca)->decrypter.key), 1);
	assert_ok(ca_scep_certs(*state, ca, &der, &single, &err), &err);
	assert_false(single);
	p = der.p;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
	assert_non_null(cms);
	assert_int_equal(OBJ_obj2nid(CMS_get0_type(cms)), NID_pkcs7_signed);
	certs = CMS_get1_certs(cms);
	assert_int_equal(sk_X509_num(certs), 4);	/* root, CA, two RAs */
	sk_X509_pop_free(certs, X509_free);
	CMS_ContentInfo_free(cms);
}

static void
openssl_verify_is_content_with_the_chains_of_both_layouts(void **state)
{
	for (int root = 0; root < 2; root++) {
		struct db *db = db_at(*state, root ? "root" : "single");
		struct ca *ca = root ? test_ca_under_root(*state, db) : test_ca(*state, db);

		ask_ok(*state, mem_printf(*state, "openssl verify -x509_strict -purpose sslclient -CAfile %s %s", ca_file(*state, ca),
				       cert_file(*state, issue(*state, ca, "CN=device 42,O=Example"), "leaf.pem")));
		ask_ok(*state, mem_printf(*state, "openssl verify -purpose sslclient -crl_check -CRLfile %s -CAfile %s %s/leaf.pem",
				       crl_file(*state, ca, NULL, "crl.pem"), ca_file(*state, ca), here(*state)));
	}
}

/* ---- one that is brought ---- */

struct brought {
	struct bytes cert, key, chain;
};

static struct bytes
slurp(TALLOC_CTX *ctx, const char *name)
{
	struct err err;
	struct bytes bytes;

	assert_ok(file_read(ctx, mem_printf(ctx, "%s/%s", here(ctx), name), 65536, &bytes, &err), &err);
	return bytes;
}

/* A company's root and a CA under it, as its own tools make them. */
static struct brought
company_ca(TALLOC_CTX *ctx, const char *algorithm, const char *usage)
{
	ask_ok(ctx, mem_printf(ctx, "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 30"
		" -subj '/O=Company/CN=Company Root' -addext keyUsage=critical,keyCertSign,cRLSign &&"
		" openssl req -newkey %s -nodes -keyout sub.key -out sub.csr -subj '/O=Company/CN=Company Devices' &&"
		" printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,%s\nsubjectKeyIdentifier=hash\n"
		"authorityKeyIdentifier=keyid\n' > sub.ext &&"
		" openssl x509 -req -in sub.csr -CA root.pem -CAkey root.key -days 20 -extfile sub.ext -out sub.pem",
		here(ctx), algorithm, usage));
	return (struct brought){ slurp(ctx, "sub.pem"), slurp(ctx, "sub.key"), slurp(ctx, "root.pem") };
}

static bool
bring(TALLOC_CTX *ctx, struct db *db, const struct brought *b, struct ca **ret, struct err *err)
{
	struct ca_make_wish wish = { .name = "Example", .base_url = TEST_CA_URL };
	struct sealer *sealer = test_sealer(ctx);
	struct ca_made made;

	return ca_make_look(db, &wish, err) &&
	       ca_make_brought(ctx, sealer, &wish, b->cert, b->key, b->chain, &made, err) &&
	       ca_make_keep(db, "cli", "ca.make", &wish, &made, err) &&
	       ca_open(ctx, db, sealer, TEST_CA_URL, ret, err);
}

static void
a_company_brings_its_own_ca_and_chains_lead_to_its_root(void **state)
{
	static const char *const algorithms[] = { "rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256", "ec -pkeyopt ec_paramgen_curve:P-384" };

	for (size_t i = 0; i < 3; i++) {
		struct brought b = company_ca(*state, algorithms[i], "keyCertSign,cRLSign");
		struct db *db = db_at(*state, mem_printf(*state, "data%zu", i));
		struct err err = { 0 };
		struct ca *ca;
		time_t ends;

		assert_ok(bring(*state, db, &b, &ca, &err), &err);
		assert_ptr_not_equal(ca_signer(ca), ca_cert(ca));	/* its key usage lets it do neither */
		assert_true(EVP_PKEY_is_a(hands(ca)->decrypter.key, "RSA"));
		cert_file(*state, issue(*state, ca, "CN=device"), "leaf.pem");
		ask_ok(*state, mem_printf(*state, "cd %s && openssl verify -x509_strict -purpose sslclient -CAfile root.pem"
			" -untrusted sub.pem leaf.pem", here(*state)));
		assert_true(x509_expires(ca_cert(ca), &ends));
		assert_int_equal(issue(*state, ca, "CN=device")->not_after, ends);	/* twenty days, not a year */
	}
}

static void
a_brought_ca_that_may_do_all_needs_no_ra(void **state)
{
	struct brought b = company_ca(*state, "rsa:2048", "digitalSignature,keyEncipherment,keyCertSign,cRLSign");
	struct err err = { 0 };
	struct ca *ca;

	assert_ok(bring(*state, test_db(*state), &b, &ca, &err), &err);
	assert_ptr_equal(ca_signer(ca), ca_cert(ca));
	assert_ptr_equal(ca_decrypter(ca), ca_cert(ca));
}

static void
what_cannot_be_a_ca_is_refused_in_words(void **state)
{
	struct brought good = company_ca(*state, "rsa:2048", "keyCertSign,cRLSign"), b;
	struct db *db = test_db(*state);
	struct err err = { 0 };
	struct ca *ca = NULL;

	b = good;
	b.chain = (struct bytes){ 0 };
	assert_false(bring(*state, db, &b, &ca, &err));
	assert_says(err.cause, "--ca-chain");
	b = good;
	b.key = slurp(*state, "root.key");
	assert_false(bring(*state, db, &b, &ca, &err));
	assert_says(err.cause, "not that of the certificate");
	b = good;
	b.key = (struct bytes){ "no key", 6 };
	assert_false(bring(*state, db, &b, &ca, &err));
	assert_says(err.cause, "cannot be read");
	b = company_ca(*state, "rsa:2048", "digitalSignature");
	assert_false(bring(*state, db, &b, &ca, &err));
	assert_says(err.cause, "sign certificates and CRLs");
	b = company_ca(*state, "rsa:1024", "keyCertSign,cRLSign");
	assert_false(bring(*state, db, &b, &ca, &err));
	assert_says(err.cause, "RSA of 2048");
	set_clock(*state, clock_now() + 21 * DAY_S);
	assert_false(bring(*state, db, &good, &ca, &err));
	clock_follow("");
	assert_says(err.cause, "has expired");
	assert_int_equal(err.kind, ERR_INVALID);
	assert_null(ca);
}

/* ---- keys at rest ---- */

static bool
holds(TALLOC_CTX *ctx, const char *path, const void *what, size_t len)
{
	struct bytes file;
	struct err err;

	assert_ok(file_read(ctx, path, 64u << 20, &file, &err), &err);
	return memmem(file.p, file.len, what, len);
}

static void
no_private_key_stands_in_the_data_directory(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca_under_root(*state, db);
	EVP_PKEY *keys[] = { hands(ca)->decrypter.key, hands(ca)->signer.key };
	BIGNUM *primes[4] = { NULL };
	X509 *cert = X509_dup(ca_signer(ca));
	unsigned char modulus[256];
	BIGNUM *n = NULL;
	struct dirent *entry;
	DIR *dir;
	int files = 0, certs = 0;

	for (size_t i = 0; i < 2; i++)
		assert_true(EVP_PKEY_get_bn_param(keys[i], OSSL_PKEY_PARAM_RSA_FACTOR1, &primes[2 * i]) &&
			    EVP_PKEY_get_bn_param(keys[i], OSSL_PKEY_PARAM_RSA_FACTOR2, &primes[2 * i + 1]));
	assert_true(EVP_PKEY_get_bn_param(X509_get0_pubkey(cert), OSSL_PKEY_PARAM_RSA_N, &n));
	assert_int_equal(BN_bn2binpad(n, modulus, sizeof modulus), sizeof modulus);
	talloc_free(ca);
	talloc_free(db);	/* what is there now is what a backup takes */
	dir = opendir(mem_printf(*state, "%s/data", here(*state)));
	while ((entry = readdir(dir))) {
		void *ctx = talloc_new(*state);
		const char *path = mem_printf(ctx, "%s/data/%s", here(*state), entry->d_name);
		unsigned char prime[128];

		if (*entry->d_name != '.') {
			files++;
			assert_false(holds(ctx, path, "PRIVATE KEY", 11));
			certs += holds(ctx, path, modulus, sizeof modulus);
			for (size_t i = 0; i < 4; i++) {
				assert_int_equal(BN_bn2binpad(primes[i], prime, sizeof prime), sizeof prime);
				assert_false(holds(ctx, path, prime, 32));
			}
		}
		talloc_free(ctx);
	}
	closedir(dir);
	assert_true(files > 0 && certs > 0);	/* the search does find what is there: the public half */
	for (size_t i = 0; i < 4; i++)
		BN_free(primes[i]);
	BN_free(n);
	X509_free(cert);
}

static void
another_master_key_is_refused_in_words(void **state)
{
	struct db *db = test_db(*state);
	struct sealer *other;
	struct err err = { 0 };
	struct ca *ca = test_ca(*state, db);

	assert_ok(sealer_new(*state, (struct bytes){ "some other master key of today", 30 }, &other, &err), &err);
	assert_false(ca_open(*state, db, other, TEST_CA_URL, &ca, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_string_equal(err.code, "wrong_key");
	assert_says(err.cause, "another master key");
	memset(&err, 0, sizeof err);
	assert_false(ca_open(*state, db, NULL, TEST_CA_URL, &ca, &err));
	assert_says(err.cause, "key.master_file");
}

static void
where_no_ca_was_made_nothing_is_issued_and_it_is_said(void **state)
{
	struct db *db = test_db(*state);
	struct ca_wish wish = { one_key(), CA_MDM, "CN=x", NULL };
	struct certificate *cert;
	struct err err = { 0 };
	struct bytes der;
	struct ca *ca;
	bool single;

	assert_ok(ca_open(*state, db, NULL, TEST_CA_URL, &ca, &err), &err);
	assert_false(ca_ready(ca));
	assert_false(ca_issue(*state, ca, &wish, &cert, &err));
	assert_int_equal(err.kind, ERR_BUSY);
	assert_string_equal(err.code, "no_ca");
	assert_false(ca_scep_certs(*state, ca, &der, &single, &err));
	assert_string_equal(err.code, "no_ca");
	assert_null(ca_cert(ca));
	assert_false(ca_crl(*state, ca, NULL, &der, &err));
	assert_int_equal(err.kind, ERR_MISSING);
}

/* ---- time ---- */

static void
nothing_outlives_the_ca_and_an_expired_one_issues_nothing(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	struct ca_wish wish = { one_key(), CA_MDM, "CN=x", NULL };
	struct certificate *cert;
	struct err err = { 0 };
	time_t ends;

	assert_true(x509_expires(ca_cert(ca), &ends));
	set_clock(*state, ends - 10 * DAY_S);
	assert_int_equal(issue(*state, ca, "CN=x")->not_after, ends);
	set_clock(*state, ends);
	assert_false(ca_issue(*state, ca, &wish, &cert, &err));
	clock_follow("");
	assert_string_equal(err.code, "ca_expired");
}

/* ---- successors ---- */

static void
renew(TALLOC_CTX *ctx, struct db *db)
{
	struct ca_make_wish wish = { .name = "Example", .base_url = TEST_CA_URL };
	struct err err = { 0 };
	struct ca_made made;

	assert_ok(ca_make_look(db, &wish, &err), &err);
	assert_ok(ca_make_single(ctx, test_sealer(ctx), &wish, &made, &err), &err);
	assert_ok(ca_make_keep(db, "cli", "ca.renew", &wish, &made, &err), &err);
}

static X509 *
x509_of(const struct certificate *cert)
{
	struct err err = { 0 };
	X509 *x509;

	assert_ok(x509_read_der(cert->der, &x509, &err), &err);
	return x509;
}

static enum ca_whose
whose(struct ca *ca, X509 *cert)
{
	struct err err = { 0 };
	enum ca_whose ret;

	assert_ok(ca_whose(ca, cert, &ret, &err), &err);
	return ret;
}

static void
after_a_renewal_the_new_ca_issues_and_the_old_one_is_still_believed(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *old = issue_and_keep(*state, db, ca, "CN=old"), *new;
	char *before, *after;
	struct err err = { 0 };
	X509 *old_x509 = x509_of(old), *new_x509;

	before = subject_write(*state, X509_get_subject_name(ca_cert(ca)));
	renew(*state, db);
	assert_ok(ca_reload(ca, &err), &err);
	after = subject_write(*state, X509_get_subject_name(ca_cert(ca)));
	assert_string_not_equal(before, after);
	new = issue_and_keep(*state, db, ca, "CN=new");
	new_x509 = x509_of(new);
	assert_string_not_equal(old->authority_id, new->authority_id);
	assert_int_equal(whose(ca, old_x509), CA_OURS);
	assert_int_equal(whose(ca, new_x509), CA_OURS);
	cert_file(*state, old, "old.pem");
	cert_file(*state, new, "new.pem");
	ask_ok(*state, mem_printf(*state, "cd %s && openssl verify -purpose sslclient -CAfile %s old.pem new.pem",
				  here(*state), ca_file(*state, ca)));
	X509_free(old_x509);
	X509_free(new_x509);
}

/* The address that a certificate names, without the host. */
static const char *
crl_path(TALLOC_CTX *ctx, const struct certificate *cert)
{
	X509 *x509 = x509_of(cert);
	const char *text = as_text(ctx, x509), *url = strstr(text, "URI:" TEST_CA_URL);

	X509_free(x509);
	assert_non_null(url);
	url += strlen("URI:" TEST_CA_URL);
	return mem_textn(ctx, url, strcspn(url, "\n"));
}

static void
each_ca_has_a_crl_of_its_own_where_its_certificates_say(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *old = issue_and_keep(*state, db, ca, "CN=old"), *new;
	struct err err = { 0 };
	const char *key;

	assert_string_equal(crl_path(*state, old), "/crl");
	renew(*state, db);
	assert_ok(ca_reload(ca, &err), &err);
	new = issue_and_keep(*state, db, ca, "CN=new");
	assert_memory_equal(crl_path(*state, new), "/crl/", 5);
	key = crl_path(*state, new) + 5;
	assert_ok(certificate_revoke_by(db, "cli", old->sha256, "superseded", &err), &err);

	/* the plain address is still that of the first CA, which signs it though it is retired */
	assert_says(ask_ok(*state, mem_printf(*state, "openssl crl -noout -text -in %s", crl_file(*state, ca, NULL, "a.pem"))),
		    "Reason Code: \n                Superseded");
	assert_says(ask_ok(*state, mem_printf(*state, "openssl crl -noout -text -in %s", crl_file(*state, ca, key, "b.pem"))),
		    "No Revoked Certificates");
	ask_ok(*state, mem_printf(*state, "cd %s && cat a.pem b.pem > all.pem", here(*state)));
	cert_file(*state, new, "new.pem");
	ask_ok(*state, mem_printf(*state, "cd %s && openssl verify -crl_check -CRLfile all.pem -CAfile %s new.pem",
				  here(*state), ca_file(*state, ca)));
}

static void
two_who_make_one_at_once_leave_one(void **state)
{
	struct db *db = test_db(*state);
	struct ca_make_wish a = { .name = "Example", .base_url = TEST_CA_URL }, b = a;
	struct sealer *sealer = test_sealer(*state);
	struct ca_made made_a, made_b;
	struct err err = { 0 };

	assert_ok(ca_make_look(db, &a, &err) && ca_make_look(db, &b, &err), &err);
	assert_ok(ca_make_single(*state, sealer, &a, &made_a, &err) && ca_make_single(*state, sealer, &b, &made_b, &err), &err);
	assert_ok(ca_make_keep(db, "cli", "ca.make", &a, &made_a, &err), &err);
	assert_false(ca_make_keep(db, "cli", "ca.make", &b, &made_b, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
}

/* ---- the CRL ---- */

static void
a_revocation_is_in_the_crl_at_once(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *cert = issue_and_keep(*state, db, ca, "CN=device");
	struct err err = { 0 };
	const char *text;
	int status;

	cert_file(*state, cert, "leaf.pem");
	ca_file(*state, ca);
	crl_file(*state, ca, NULL, "crl.pem");
	ask_ok(*state, mem_printf(*state, "cd %s && openssl verify -crl_check -CRLfile crl.pem -CAfile ca.pem leaf.pem",
				  here(*state)));
	assert_ok(certificate_revoke_by(db, "cli", cert->sha256, "keyCompromise", &err), &err);
	crl_file(*state, ca, NULL, "crl.pem");
	text = ask(*state, mem_printf(*state, "cd %s && openssl verify -crl_check -CRLfile crl.pem -CAfile ca.pem leaf.pem",
				      here(*state)), &status);
	assert_int_not_equal(status, 0);
	assert_says(text, "certificate revoked");
	text = ask_ok(*state, mem_printf(*state, "cd %s && openssl crl -noout -text -in crl.pem", here(*state)));
	assert_says(text, "Key Compromise");
	assert_says(text, "X509v3 Authority Key Identifier");
}

static int64_t
crl_number(TALLOC_CTX *ctx, struct ca *ca)
{
	struct err err = { 0 };
	struct bytes der;
	const unsigned char *p;
	ASN1_INTEGER *number;
	X509_CRL *crl;
	int64_t n;

	assert_ok(ca_crl(ctx, ca, NULL, &der, &err), &err);
	p = der.p;
	crl = d2i_X509_CRL(NULL, &p, (long)der.len);
	assert_non_null(crl);
	number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	assert_true(number && ASN1_INTEGER_get_int64(&n, number));
	ASN1_INTEGER_free(number);
	X509_CRL_free(crl);
	return n;
}

static void
a_crl_is_kept_until_something_changes_or_a_day_has_gone(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db), *again;
	struct certificate *cert = issue_and_keep(*state, db, ca, "CN=device");
	struct err err = { 0 };
	time_t now = clock_now();
	int64_t first, second, third;

	set_clock(*state, now);
	first = crl_number(*state, ca);
	assert_int_equal(crl_number(*state, ca), first);
	assert_ok(certificate_revoke_by(db, "cli", cert->sha256, "superseded", &err), &err);
	second = crl_number(*state, ca);
	assert_true(second > first);
	set_clock(*state, now + DAY_S - 1);
	assert_int_equal(crl_number(*state, ca), second);
	set_clock(*state, now + DAY_S);
	third = crl_number(*state, ca);
	assert_true(third > second);
	/* a server that has just started does not begin again at a lower number */
	assert_ok(ca_open(*state, db, test_sealer(*state), TEST_CA_URL, &again, &err), &err);
	set_clock(*state, now + DAY_S + 1);
	assert_true(crl_number(*state, again) > third);
	clock_follow("");
}

static void
a_certificate_that_has_expired_leaves_the_crl(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct certificate *cert = issue_and_keep(*state, db, ca, "CN=device");
	struct err err = { 0 };

	assert_ok(certificate_revoke_by(db, "cli", cert->sha256, "superseded", &err), &err);
	assert_says(ask_ok(*state, mem_printf(*state, "openssl crl -noout -text -in %s", crl_file(*state, ca, NULL, "a.pem"))),
		    "Serial Number:");
	set_clock(*state, cert->not_after + 2 * DAY_S);
	assert_says(ask_ok(*state, mem_printf(*state, "openssl crl -noout -text -in %s", crl_file(*state, ca, NULL, "b.pem"))),
		    "No Revoked Certificates");
	clock_follow("");
}

/* ---- whose ---- */

static void
an_identity_is_ours_and_a_ca_an_ra_or_a_strangers_is_not(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca_under_root(*state, db), *stranger;
	X509 *ours = x509_of(issue(*state, ca, "CN=ours")), *theirs;

	stranger = test_ca(*state, db_at(*state, "other"));
	theirs = x509_of(issue(*state, stranger, "CN=ours"));
	assert_int_equal(whose(ca, ours), CA_OURS);	/* there is no row of it, and that is not asked */
	assert_int_equal(whose(ca, theirs), CA_NOBODYS);
	assert_int_equal(whose(ca, ca_cert(ca)), CA_NOBODYS);
	assert_int_equal(whose(ca, ca_signer(ca)), CA_NOBODYS);
	assert_int_equal(whose(ca, ca_decrypter(ca)), CA_NOBODYS);
	set_clock(*state, clock_now() + 400 * DAY_S);
	assert_int_equal(whose(ca, ours), CA_OURS);	/* expired: still says who it is */
	clock_follow("");
	X509_free(ours);
	X509_free(theirs);
}

static void
an_outside_ca_is_trusted_while_the_setting_names_it(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca(*state, db);
	struct brought b = company_ca(*state, "rsa:2048", "keyCertSign,cRLSign");
	struct err err = { 0 };
	struct bytes pem;
	STACK_OF(X509) *device;
	X509 *cert;

	ask_ok(*state, mem_printf(*state, "cd %s && openssl req -newkey rsa:2048 -nodes -keyout d.key -out d.csr -subj '/CN=ndes device' &&"
		" printf 'extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n' > d.ext &&"
		" openssl x509 -req -in d.csr -CA sub.pem -CAkey sub.key -days 20 -extfile d.ext -out d.pem", here(*state)));
	assert_ok(x509_read_pem(slurp(*state, "d.pem"), &device, &err), &err);
	cert = sk_X509_value(device, 0);
	assert_int_equal(whose(ca, cert), CA_NOBODYS);
	pem = b.cert;
	assert_ok(ca_trust(ca, pem, &err), &err);
	assert_int_equal(whose(ca, cert), CA_TRUSTED);
	assert_ok(ca_trust(ca, (struct bytes){ 0 }, &err), &err);
	assert_int_equal(whose(ca, cert), CA_NOBODYS);
	assert_false(ca_trust(ca, slurp(*state, "d.pem"), &err));	/* no CA */
	assert_int_equal(err.kind, ERR_INVALID);
	sk_X509_pop_free(device, X509_free);
}

/* ---- private keys ---- */

static void
rsa_is_done_with_the_decrypting_key_and_says_nothing_of_padding(void **state)
{
	struct ca *ca = test_ca_under_root(*state, test_db(*state));
	EVP_PKEY_CTX *encrypt = EVP_PKEY_CTX_new(X509_get0_pubkey(ca_decrypter(ca)), NULL);
	unsigned char plain[256] = { 0 }, wrapped[256], out[256];
	size_t len = sizeof wrapped;

	memset(plain + 1, 0x5a, sizeof plain - 1);	/* no padding that there is */
	assert_true(encrypt && EVP_PKEY_encrypt_init(encrypt) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(encrypt, RSA_NO_PADDING) == 1 &&
		    EVP_PKEY_encrypt(encrypt, wrapped, &len, plain, sizeof plain) == 1);
	EVP_PKEY_CTX_free(encrypt);
	assert_true(ca_key_rsa(ca, (struct bytes){ wrapped, sizeof wrapped }, out));
	assert_memory_equal(out, plain, sizeof plain);
	memset(wrapped, 0xff, sizeof wrapped);		/* no number below the modulus */
	assert_false(ca_key_rsa(ca, (struct bytes){ wrapped, sizeof wrapped }, out));
	ERR_clear_error();
}

static void
a_message_is_signed_with_the_attributes_that_were_wished(void **state)
{
	struct ca *ca = test_ca_under_root(*state, test_db(*state));
	const struct ca_key_attribute attributes[] = {
		{ "2.16.840.1.113733.1.9.2", V_ASN1_PRINTABLESTRING, { "3", 1 } },
		{ "2.16.840.1.113733.1.9.5", V_ASN1_OCTET_STRING, { "0123456789abcdef", 16 } },
	};
	const struct bytes content = { "the content", 11 };
	struct err err = { 0 };
	struct bytes der;

	assert_ok(ca_key_sign_cms(*state, ca, &content, attributes, 2, &der, &err), &err);
	put_file(*state, "signed.der", der.p, der.len);
	assert_says(ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -verify -inform DER -in signed.der -CAfile %s -purpose any",
					      here(*state), ca_file(*state, ca))), "the content");
	assert_says(ask_ok(*state, mem_printf(*state, "cd %s && openssl asn1parse -inform DER -in signed.der", here(*state))),
		    "2.16.840.1.113733.1.9.2");
	/* without content there is none, and not an empty one */
	assert_ok(ca_key_sign_cms(*state, ca, NULL, attributes, 2, &der, &err), &err);
	put_file(*state, "none.der", der.p, der.len);
	assert_null(strstr(ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -cmsout -print -inform DER -in none.der",
						     here(*state))), "the content"));
	assert_says(ask_ok(*state, mem_printf(*state, "cd %s && openssl cms -cmsout -print -inform DER -in none.der",
					      here(*state))), "eContent: <ABSENT>");
}

/* ---- threads ---- */

enum { THREADS = 4, EACH = 40 };

struct issuing {
	struct ca *ca;
	TALLOC_CTX *ctx;
	struct certificate *certs[EACH];
	struct err err;
	bool ok;
};

static void *
issue_many(void *arg)
{
	struct issuing *i = arg;
	EVP_PKEY *key = EVP_RSA_gen(2048);
	struct ca_wish wish = { key, CA_MDM, "CN=device,O=Example", NULL };

	i->ok = key;
	for (int n = 0; i->ok && n < EACH; n++)
		i->ok = ca_issue(i->ctx, i->ca, &wish, &i->certs[n], &i->err);
	EVP_PKEY_free(key);
	return NULL;
}

static void
threads_issue_side_by_side_while_the_authority_is_read_again(void **state)
{
	struct ca *ca = test_ca(*state, test_db(*state));
	struct issuing work[THREADS] = { 0 };
	pthread_t threads[THREADS];
	struct err err = { 0 };

	for (int i = 0; i < THREADS; i++) {
		work[i] = (struct issuing){ .ca = ca, .ctx = talloc_new(NULL) };
		assert_int_equal(pthread_create(&threads[i], NULL, issue_many, &work[i]), 0);
	}
	for (int i = 0; i < 20; i++)
		assert_ok(ca_reload(ca, &err), &err);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_ok(work[i].ok, &work[i].err);
		for (int n = 0; n < EACH; n++) {
			X509 *cert = x509_of(work[i].certs[n]);

			assert_int_equal(whose(ca, cert), CA_OURS);
			X509_free(cert);
		}
	}
	for (int i = 0; i < THREADS; i++)
		talloc_free(work[i].ctx);
}

TESTS(a_ca_alone_has_the_key_usages_of_scep_and_is_served_as_der,
      under_a_root_two_ras_answer_scep_each_with_its_own_key_usage,
      openssl_verify_is_content_with_the_chains_of_both_layouts,
      a_company_brings_its_own_ca_and_chains_lead_to_its_root, a_brought_ca_that_may_do_all_needs_no_ra,
      what_cannot_be_a_ca_is_refused_in_words, no_private_key_stands_in_the_data_directory,
      another_master_key_is_refused_in_words, where_no_ca_was_made_nothing_is_issued_and_it_is_said,
      nothing_outlives_the_ca_and_an_expired_one_issues_nothing,
      after_a_renewal_the_new_ca_issues_and_the_old_one_is_still_believed,
      each_ca_has_a_crl_of_its_own_where_its_certificates_say, two_who_make_one_at_once_leave_one,
      a_revocation_is_in_the_crl_at_once, a_crl_is_kept_until_something_changes_or_a_day_has_gone,
      a_certificate_that_has_expired_leaves_the_crl, an_identity_is_ours_and_a_ca_an_ra_or_a_strangers_is_not,
      an_outside_ca_is_trusted_while_the_setting_names_it, rsa_is_done_with_the_decrypting_key_and_says_nothing_of_padding,
      a_message_is_signed_with_the_attributes_that_were_wished,
      threads_issue_side_by_side_while_the_authority_is_read_again)
