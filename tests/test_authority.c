/* Authorities: their layouts, one that is brought, keys at rest, who is believed. */
#include "check_authority.h"
#include "core/clock.h"
#include "core/file.h"
#include "mdm/ca_set.h"
#include <dirent.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>

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
	const char *text = test_cert_text(*state, ca_cert(ca));

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

	assert_says(test_cert_text(*state, ca_cert(ca)), "Key Usage: critical\n                Certificate Sign, CRL Sign\n");
	assert_says(test_cert_text(*state, ca_signer(ca)), "Key Usage: critical\n                Digital Signature\n");
	assert_says(test_cert_text(*state, ca_decrypter(ca)), "Key Usage: critical\n                Key Encipherment\n");
	assert_says(test_cert_text(*state, ca_signer(ca)), "CA:FALSE");
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
		struct db *db = test_db_at(*state, root ? "root" : "single");
		struct ca *ca = root ? test_ca_under_root(*state, db) : test_ca(*state, db);

		test_ask_ok(*state, mem_printf(*state, "openssl verify -x509_strict -purpose sslclient -CAfile %s %s", test_ca_file(*state, ca),
				       test_cert_file(*state, test_issue(*state, ca, "CN=device 42,O=Example"), "leaf.pem")));
		test_ask_ok(*state, mem_printf(*state, "openssl verify -purpose sslclient -crl_check -CRLfile %s -CAfile %s %s/leaf.pem",
				       test_crl_file(*state, ca, NULL, "crl.pem"), test_ca_file(*state, ca), test_here(*state)));
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

	assert_ok(file_read(ctx, mem_printf(ctx, "%s/%s", test_here(ctx), name), 65536, &bytes, &err), &err);
	return bytes;
}

/* A company's root and a CA under it, as its own tools make them. */
static struct brought
company_ca(TALLOC_CTX *ctx, const char *algorithm, const char *usage)
{
	test_ask_ok(ctx, mem_printf(ctx, "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 30"
		" -subj '/O=Company/CN=Company Root' -addext keyUsage=critical,keyCertSign,cRLSign &&"
		" openssl req -newkey %s -nodes -keyout sub.key -out sub.csr -subj '/O=Company/CN=Company Devices' &&"
		" printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,%s\nsubjectKeyIdentifier=hash\n"
		"authorityKeyIdentifier=keyid\n' > sub.ext &&"
		" openssl x509 -req -in sub.csr -CA root.pem -CAkey root.key -days 20 -extfile sub.ext -out sub.pem",
		test_here(ctx), algorithm, usage));
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
		struct db *db = test_db_at(*state, mem_printf(*state, "data%zu", i));
		struct err err = { 0 };
		struct ca *ca;
		time_t ends;

		assert_ok(bring(*state, db, &b, &ca, &err), &err);
		assert_ptr_not_equal(ca_signer(ca), ca_cert(ca));	/* its key usage lets it do neither */
		assert_true(EVP_PKEY_is_a(hands(ca)->decrypter.key, "RSA"));
		test_cert_file(*state, test_issue(*state, ca, "CN=device"), "leaf.pem");
		test_ask_ok(*state, mem_printf(*state, "cd %s && openssl verify -x509_strict -purpose sslclient -CAfile root.pem"
			" -untrusted sub.pem leaf.pem", test_here(*state)));
		assert_true(x509_expires(ca_cert(ca), &ends));
		assert_int_equal(test_issue(*state, ca, "CN=device")->not_after, ends);	/* twenty days, not a year */
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
	test_ask_ok(*state, mem_printf(*state, "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem"
		" -days 30 -subj '/O=Company/CN=Company Root' -addext subjectKeyIdentifier=none", test_here(*state)));
	b.chain = slurp(*state, "other.pem");	/* of the right name alone */
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
	test_clock(*state, clock_now() + 21 * DAY_S);
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
	dir = opendir(mem_printf(*state, "%s/data", test_here(*state)));
	while ((entry = readdir(dir))) {
		void *ctx = talloc_new(*state);
		const char *path = mem_printf(ctx, "%s/data/%s", test_here(*state), entry->d_name);
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

static bool
tx_swap(struct db *tx, void *arg, struct err *err)
{
	(void)arg;
	return db_run(tx, err, "UPDATE authority SET sealed_key = (SELECT sealed_key FROM authority WHERE role = 'ra_sign')"
		      " WHERE role = 'ra_decrypt'");
}

static void
a_sealed_key_in_the_place_of_another_opens_nothing(void **state)
{
	struct db *db = test_db(*state);
	struct err err = { 0 };
	struct ca *ca = test_ca_under_root(*state, db);

	assert_ok(db_tx(db, tx_swap, NULL, &err), &err);
	assert_false(ca_open(*state, db, test_sealer(*state), TEST_CA_URL, &ca, &err));
	assert_string_equal(err.code, "wrong_key");
}

static void
where_no_ca_was_made_nothing_is_issued_and_it_is_said(void **state)
{
	struct db *db = test_db(*state);
	struct ca_wish wish = { .key = test_rsa_key(), .purpose = CA_MDM, .subject = "CN=x" };
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

/* ---- whose ---- */

static void
an_identity_is_ours_and_a_ca_an_ra_or_a_strangers_is_not(void **state)
{
	struct db *db = test_db(*state);
	struct ca *ca = test_ca_under_root(*state, db), *stranger;
	X509 *ours = test_x509(test_issue(*state, ca, "CN=ours")), *theirs;

	stranger = test_ca(*state, test_db_at(*state, "other"));
	theirs = test_x509(test_issue(*state, stranger, "CN=ours"));
	assert_int_equal(test_whose(ca, ours), CA_OURS);	/* there is no row of it, and that is not asked */
	assert_int_equal(test_whose(ca, theirs), CA_NOBODYS);
	assert_int_equal(test_whose(ca, ca_cert(ca)), CA_NOBODYS);
	assert_int_equal(test_whose(ca, ca_signer(ca)), CA_NOBODYS);
	assert_int_equal(test_whose(ca, ca_decrypter(ca)), CA_NOBODYS);
	test_clock(*state, clock_now() + 400 * DAY_S);
	assert_int_equal(test_whose(ca, ours), CA_OURS);	/* expired: still says who it is */
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

	test_ask_ok(*state, mem_printf(*state, "cd %s && openssl req -newkey rsa:2048 -nodes -keyout d.key -out d.csr -subj '/CN=ndes device' &&"
		" printf 'extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n' > d.ext &&"
		" openssl x509 -req -in d.csr -CA sub.pem -CAkey sub.key -days 20 -extfile d.ext -out d.pem", test_here(*state)));
	assert_ok(x509_read_pem(slurp(*state, "d.pem"), &device, &err), &err);
	cert = sk_X509_value(device, 0);
	assert_int_equal(test_whose(ca, cert), CA_NOBODYS);
	pem = b.cert;
	assert_ok(ca_trust(ca, pem, &err), &err);
	assert_int_equal(test_whose(ca, cert), CA_TRUSTED);
	assert_ok(ca_trust(ca, (struct bytes){ 0 }, &err), &err);
	assert_int_equal(test_whose(ca, cert), CA_NOBODYS);
	assert_false(ca_trust(ca, slurp(*state, "d.pem"), &err));	/* no CA */
	assert_int_equal(err.kind, ERR_INVALID);
	sk_X509_pop_free(device, X509_free);
}

TESTS(a_ca_alone_has_the_key_usages_of_scep_and_is_served_as_der,
      under_a_root_two_ras_answer_scep_each_with_its_own_key_usage,
      openssl_verify_is_content_with_the_chains_of_both_layouts,
      a_company_brings_its_own_ca_and_chains_lead_to_its_root, a_brought_ca_that_may_do_all_needs_no_ra,
      what_cannot_be_a_ca_is_refused_in_words, no_private_key_stands_in_the_data_directory,
      another_master_key_is_refused_in_words,
      a_sealed_key_in_the_place_of_another_opens_nothing, where_no_ca_was_made_nothing_is_issued_and_it_is_said,
      an_identity_is_ours_and_a_ca_an_ra_or_a_strangers_is_not,
      an_outside_ca_is_trusted_while_the_setting_names_it)
