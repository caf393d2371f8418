/* Issuing: a template, a public key, one signature.  Nothing is read or written. */
#include "core/clock.h"
#include "mdm/ca_form.h"
#include "mdm/ca_key.h"
#include "mdm/ca_set.h"
#include "mdm/public_key.h"
#include "mdm/subject.h"
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <string.h>

static const struct {
	const char *name;
	int days;
} purposes[] = {
#define P(id, name, days, what) { name, days },
	CA_PURPOSES(P)
#undef P
};

const char *
ca_purpose_name(enum ca_purpose purpose)
{
	return purposes[purpose].name;
}

bool
ca_purpose_read(const char *name, enum ca_purpose *ret)
{
	for (size_t i = 0; i < CA_PURPOSES_N; i++)
		if (i != CA_SIGN && strcmp(purposes[i].name, name) == 0) {
			*ret = (enum ca_purpose)i;
			return true;
		}
	return false;
}

/* Straight from the numbers: OpenSSL 3.0 would encode the key, and then decode it again. */
static bool
set_key(X509 *cert, struct bytes rsa)
{
	unsigned char *copy = OPENSSL_memdup(rsa.p, rsa.len);

	if (copy && X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert), OBJ_nid2obj(NID_rsaEncryption), V_ASN1_NULL, NULL,
					   copy, (int)rsa.len))
		return true;
	OPENSSL_free(copy);
	return false;
}

/* Servers let a person in by these names: one without them would say nobody, or be taken for somebody by its subject. */
static bool
check_names(const struct ca_wish *wish, struct err *err)
{
	if (wish->purpose != CA_PERSON)
		return true;
	if (!wish->upn || !*wish->upn)
		return err_code(err, ERR_CONFLICT, "missing_name", "a person's certificate without userPrincipalName");
	if (!wish->email || !*wish->email)
		return err_code(err, ERR_CONFLICT, "missing_name", "a person's certificate without an e-mail address");
	for (const char *p = wish->email; *p; p++)	/* rfc822Name is ASCII (RFC 5280 4.2.1.6) */
		if (*p & 0x80)
			return err_code(err, ERR_CONFLICT, "missing_name", "a person's certificate without an e-mail address in ASCII");
	return true;
}

static bool
set_names(X509 *cert, const struct ca_wish *wish)
{
	return wish->purpose != CA_PERSON || ca_form_add(cert, ca_form_person(wish->upn, wish->email));
}

static bool
fill(X509 *cert, const struct ca_own *own, const struct ca_wish *wish, const X509_NAME *subject, struct bytes rsa,
     int64_t from, int64_t until, struct err *err)
{
	bool ok = ca_form_basics(cert, subject, X509_get_subject_name(own->ca.cert), from, until) && set_key(cert, rsa) &&
		  ca_form_add(cert, ca_form_own_key(rsa)) && set_names(cert, wish);

	for (size_t i = 0; ok && i < own->extensions_n; i++)
		ok = X509_add_ext(cert, own->extensions[i], -1);
	for (size_t i = 0; ok && i < CA_USAGES; i++)
		ok = X509_add_ext(cert, own->usage[wish->purpose == CA_SIGN][i], -1);
	return ok || err_openssl(err, ERR_INTERNAL, "make a certificate");
}

static const char *
serial_text(TALLOC_CTX *ctx, X509 *cert)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = number ? BN_bn2hex(number) : NULL;
	char *text = mem_text(ctx, hex ? hex : "");

	OPENSSL_free(hex);
	BN_free(number);
	for (char *p = text; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p += 'a' - 'A';
	return text;
}

/* The row that is to be kept. */
static bool
describe(TALLOC_CTX *ctx, X509 *cert, const struct ca_set *set, const struct ca_wish *wish, struct certificate **ret,
	 struct err *err)
{
	struct certificate *row = mem_new(ctx, struct certificate);
	char key_sha256[X509_FINGERPRINT_SIZE], sha256[X509_FINGERPRINT_SIZE];
	unsigned char *der = NULL;
	int len;

	if (!certificate_key_sha256(wish->key, key_sha256, err))
		return false;
	len = i2d_X509(cert, &der);
	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "encode a certificate");
	row->der = (struct bytes){ mem_copy(row, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	row->sha256 = mem_text(row, x509_sha256(cert, sha256));
	row->serial = serial_text(row, cert);
	row->authority_id = mem_text(row, set->ca->id);
	row->purpose = purposes[wish->purpose].name;
	row->subject = subject_write(row, X509_get_subject_name(cert));
	row->key_sha256 = mem_text(row, key_sha256);
	row->session_id = mem_text(row, wish->session_id);
	row->enrollment_id = mem_text(row, wish->enrollment_id);
	row->reason = "";
	*ret = row;
	return true;
}

bool
ca_issue(TALLOC_CTX *ctx, struct ca *ca, const struct ca_wish *wish, struct certificate **ret, struct err *err)
{
	void *tmp SCOPED(mem) = talloc_new(NULL);
	int64_t now = clock_now(), from = now - CA_SKEW_S;
	int64_t until = now + (wish->days ? wish->days : purposes[wish->purpose].days) * DAY_S;
	SCOPED(x509_name) X509_NAME *subject = NULL;
	SCOPED(x509) X509 *cert = NULL;
	const struct ca_set *set;
	const struct ca_own *own;
	OSSL_LIB_CTX *lib;
	struct bytes rsa;

	if (!check_names(wish, err) || !ca_set_ready(ca, &set, err) || !ca_own(set, &own, err) || !cms_thread_lib(&lib, err))
		return false;
	if (set->ca->not_after <= now)
		return err_code(err, ERR_BUSY, "ca_expired", "the certificate authority has expired; `pomona ca renew` "
				"makes its successor");
	if (until > set->ca->not_after)
		until = set->ca->not_after;
	if (!public_key_check(wish->key, err) || !public_key_rsa(tmp, wish->key, &rsa, err) ||
	    !subject_read(wish->subject, &subject, err))
		return false;
	cert = X509_new_ex(lib, NULL);
	if (!cert)
		return err_openssl(err, ERR_INTERNAL, "make a certificate");
	if (!fill(cert, own, wish, subject, rsa, from, until, err) || !ca_key_sign_cert(cert, own->ca.key, err) ||
	    !describe(ctx, cert, set, wish, ret, err))
		return false;
	(*ret)->not_before = from;
	(*ret)->not_after = until;
	(*ret)->issued = now;
	return true;
}
