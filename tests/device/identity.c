/*
 * The certificates of the simulated iPhone and of the Apple above it.
 */
#include "tests/device/phone.h"
#include "core/uuid.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "tests/device/identity.h"

void
phone_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("device: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	ERR_print_errors_fp(stderr);
	exit(2);
}

static void
add_extension(X509 *cert, const char *value, int nid)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	if (!extension || !X509_add_ext(cert, extension, -1))
		phone_die("add an extension");
	X509_EXTENSION_free(extension);
}

/* 1.2.3.4, critical, which no reader knows. */
static void
add_critical(X509 *cert)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.2.3.4", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = NULL;

	ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05", 2);
	if (!X509_EXTENSION_create_by_OBJ(&extension, oid, 1, value) || !X509_add_ext(cert, extension, -1))
		phone_die("add an extension");
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(oid);
}

static void
name_it(X509_NAME *name, const char *const words[3])
{
	static const char *const kinds[] = { "O", "OU", "CN" };

	for (int i = 0; i < 3; i++)
		if (words[i] && !X509_NAME_add_entry_by_txt(name, kinds[i], MBSTRING_UTF8,
							    (const unsigned char *)words[i], -1, -1, 0))
			phone_die("name a certificate");
}

X509 *
identity_cert(const char *const subject[3], EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, enum identity_use use)
{
	static _Atomic long serial = 0x0a01;
	X509 *cert = X509_new();

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	ASN1_TIME_set_string(X509_getm_notBefore(cert), "20070416225446Z");
	ASN1_TIME_set_string(X509_getm_notAfter(cert), use == IDENTITY_CA ? "20220412174328Z" : "20140416225446Z");
	name_it(X509_get_subject_name(cert), subject);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
	X509_set_pubkey(cert, key);
	if (use == IDENTITY_CA) {
		add_extension(cert, "critical,CA:TRUE", NID_basic_constraints);
		add_extension(cert, "critical,digitalSignature,keyCertSign,cRLSign", NID_key_usage);
	} else {
		add_extension(cert, "critical,CA:FALSE", NID_basic_constraints);
		add_extension(cert, use == IDENTITY_CIPHER ? "critical,keyEncipherment" :
			      "critical,digitalSignature,keyEncipherment", NID_key_usage);
	}
	if (use == IDENTITY_CRITICAL)
		add_critical(cert);
	if (!X509_sign(cert, issuer ? issuer_key : key, EVP_sha1()))
		phone_die("sign a certificate");
	return cert;
}

EVP_PKEY *
identity_key(void)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);

	return key ? key : (phone_die("make a key"), NULL);
}

char *
identity_uuid(TALLOC_CTX *ctx)
{
	char uuid[UUID_SIZE];

	return mem_text(ctx, uuid_random(uuid));
}

/* ---- the CA ---- */

static int
release_ca(struct phone_ca *ca)
{
	X509_free(ca->root);
	X509_free(ca->cert);
	EVP_PKEY_free(ca->root_key);
	EVP_PKEY_free(ca->key);
	return 0;
}

static struct phone_ca *
empty_ca(TALLOC_CTX *ctx)
{
	struct phone_ca *ca = mem_new(ctx, struct phone_ca);

	talloc_set_destructor(ca, release_ca);
	return ca;
}

struct phone_ca *
phone_ca_new(TALLOC_CTX *ctx)
{
	static const char *const root[] = { "Apple Inc.", "Apple Certification Authority", "Apple Root CA" };
	static const char *const device[] = { "Apple Inc.", "Apple iPhone", "Apple iPhone Device CA" };
	struct phone_ca *ca = empty_ca(ctx);

	ca->root_key = identity_key();
	ca->key = identity_key();
	ca->root = identity_cert(root, ca->root_key, NULL, NULL, IDENTITY_CA);
	ca->cert = identity_cert(device, ca->key, ca->root, ca->root_key, IDENTITY_CA);
	return ca;
}

static FILE *
open_file(const char *dir, const char *name, const char *mode)
{
	SCOPED(mem) char *path = mem_printf(NULL, "%s/%s", dir, name);
	FILE *file = fopen(path, mode);

	if (!file && (*mode == 'w' || errno != ENOENT))
		phone_die("open %s: %s", path, strerror(errno));
	return file;
}

static void
save(const char *dir, const char *name, X509 *cert, EVP_PKEY *key)
{
	FILE *file SCOPED(file) = open_file(dir, name, "we");

	if (cert ? !PEM_write_X509(file, cert) : !PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL))
		phone_die("write %s", name);
}

static bool
load(const char *dir, const char *name, X509 **cert, EVP_PKEY **key)
{
	FILE *file SCOPED(file) = open_file(dir, name, "re");

	if (!file)
		return false;
	if (cert ? !PEM_read_X509(file, cert, NULL, NULL) : !PEM_read_PrivateKey(file, key, NULL, NULL))
		phone_die("read %s", name);
	return true;
}

struct phone_ca *
phone_ca_open(TALLOC_CTX *ctx, const char *dir)
{
	struct phone_ca *ca = empty_ca(ctx);

	if (load(dir, "root.pem", &ca->root, NULL) && load(dir, "root.key", NULL, &ca->root_key) &&
	    load(dir, "ca.pem", &ca->cert, NULL) && load(dir, "ca.key", NULL, &ca->key))
		return ca;
	talloc_free(ca);
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		phone_die("make %s: %s", dir, strerror(errno));
	ca = phone_ca_new(ctx);
	save(dir, "root.pem", ca->root, NULL);
	save(dir, "root.key", NULL, ca->root_key);
	save(dir, "ca.pem", ca->cert, NULL);
	save(dir, "ca.key", NULL, ca->key);
	return ca;
}

/* ---- the phone ---- */

static int
release_phone(struct phone *phone)
{
	X509_free(phone->cert);
	EVP_PKEY_free(phone->key);
	return 0;
}

struct phone *
phone_new(TALLOC_CTX *ctx, const struct phone_ca *ca, const char *udid)
{
	static const char *const subject[] = { NULL, "iPhone", "9E01AD5B-75A0-457C-A236-0123456789AB" };
	struct phone *phone = mem_new(ctx, struct phone);

	talloc_set_destructor(phone, release_phone);
	phone->ca = ca;
	phone->udid = mem_text(phone, udid);
	phone->product = "iPhone15,4";
	phone->version = "22B83";
	phone->name = "Anna's iPhone";
	phone->serial = "F2LTEST0001";
	phone->key = identity_key();
	phone->cert = identity_cert(subject, phone->key, ca->cert, ca->key, IDENTITY_DEVICE);
	return phone;
}
