#include "tests/check_cert.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct test_cert
test_cert(TALLOC_CTX *ctx, const char *dir, const char *common_name)
{
	struct test_cert made = { mem_printf(ctx, "%s/%s.pem", dir, common_name),
				  mem_printf(ctx, "%s/%s.key", dir, common_name) };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
						    "DNS:localhost,IP:127.0.0.1");
	FILE *file;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	X509_add_ext(cert, names, -1);
	if (!X509_sign(cert, key, EVP_sha256()))
		fail_msg("sign the test certificate");
	file = fopen(made.cert_file, "w");
	if (!file || !PEM_write_X509(file, cert))
		fail_msg("write %s", made.cert_file);
	fclose(file);
	file = fopen(made.key_file, "w");
	if (!file || !PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL))
		fail_msg("write %s", made.key_file);
	fclose(file);
	X509_EXTENSION_free(names);
	X509_free(cert);
	EVP_PKEY_free(key);
	return made;
}
