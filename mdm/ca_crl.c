/*
 * The CRL, made when it is asked for and what it says has changed, or is a day old.  Its number is the time: it
 * grows also when an older database was put back.  RFC 5280 section 5.
 */
#include "core/clock.h"
#include "mdm/ca_form.h"
#include "mdm/ca_key.h"
#include "mdm/ca_set.h"
#include <openssl/bn.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define CRL_DAYS	7
#define CRL_FRESH_S	DAY_S	/* then it is made anew, though nothing has changed */

static bool
add_revoked(void *arg, const char *serial, int64_t at, const char *reason, struct err *err)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_ENUMERATED *why = ASN1_ENUMERATED_new();
	ASN1_TIME *time = ASN1_TIME_set(NULL, at);
	BIGNUM *number = NULL;
	ASN1_INTEGER *integer = NULL;
	int code = certificate_reason(reason);
	bool ok = entry && why && time && BN_hex2bn(&number, serial) && (integer = BN_to_ASN1_INTEGER(number, NULL)) &&
		  X509_REVOKED_set_serialNumber(entry, integer) && X509_REVOKED_set_revocationDate(entry, time) &&
		  (code <= 0 || (ASN1_ENUMERATED_set(why, code) &&	/* 5.3.1: unspecified is not said */
				 X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, why, 0, 0) == 1)) &&
		  X509_CRL_add0_revoked(arg, entry);

	if (!ok)
		X509_REVOKED_free(entry);
	ASN1_INTEGER_free(integer);
	BN_free(number);
	ASN1_TIME_free(time);
	ASN1_ENUMERATED_free(why);
	return ok || err_openssl(err, ERR_INTERNAL, "put a certificate on the CRL");
}

static bool
set_number(X509_CRL *crl, int64_t number)
{
	ASN1_INTEGER *integer = ASN1_INTEGER_new();
	bool ok = integer && ASN1_INTEGER_set_int64(integer, number) &&
		  X509_CRL_add1_ext_i2d(crl, NID_crl_number, integer, 0, 0) == 1;

	ASN1_INTEGER_free(integer);
	return ok;
}

static bool
set_basics(X509_CRL *crl, X509 *issuer, int64_t now, int64_t number)
{
	ASN1_TIME *last = ASN1_TIME_set(NULL, now - CA_SKEW_S), *next = ASN1_TIME_set(NULL, now + CRL_DAYS * DAY_S);
	X509_EXTENSION *key = NULL;
	bool ok = last && next && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
		  X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) && X509_CRL_set1_lastUpdate(crl, last) &&
		  X509_CRL_set1_nextUpdate(crl, next) && set_number(crl, number) &&
		  (key = ca_form_issuer_key(issuer)) && X509_CRL_add_ext(crl, key, -1);

	X509_EXTENSION_free(key);
	ASN1_TIME_free(last);
	ASN1_TIME_free(next);
	return ok;
}

static bool
make_crl(struct ca *ca, const struct authority *row, int64_t now, int64_t number, struct bytes *ret, struct err *err)
{
	SCOPED(x509) X509 *issuer = NULL;
	SCOPED(evp_pkey) EVP_PKEY *key = NULL;
	unsigned char *der = NULL;
	OSSL_LIB_CTX *lib;
	X509_CRL *crl;
	int len = -1;

	if (!cms_thread_lib(&lib, err) || !authority_read_cert(row, lib, &issuer, err) ||
	    !authority_open_key(row, ca->sealer, lib, &key, err))
		return false;
	crl = X509_CRL_new_ex(lib, NULL);
	if (!crl || !set_basics(crl, issuer, now, number)) {
		X509_CRL_free(crl);
		return err_openssl(err, ERR_INTERNAL, "make a CRL");
	}
	if (certificate_each_revoked(ca->db, row->key_id, now - DAY_S, add_revoked, crl, err) && X509_CRL_sort(crl) &&
	    ca_key_sign_crl(crl, key, err)) {
		len = i2d_X509_CRL(crl, &der);
		if (len <= 0)
			err_openssl(err, ERR_INTERNAL, "encode a CRL");
	}
	X509_CRL_free(crl);
	if (len <= 0)
		return false;
	*ret = (struct bytes){ mem_copy(ca->crl_ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}

/* The newest CA with this key; NULL: with that of the first CA. */
static bool
find_ca(const struct ca_set *set, const char *key_id, const struct authority **ret, struct err *err)
{
	const struct authority *found = NULL;

	for (size_t i = set->all.n; i-- > 0;) {	/* from the oldest */
		const struct authority *row = &set->all.rows[i];

		if (row->role != ROLE_OF_CA || !row->sealed_key.len)
			continue;
		if (!key_id)
			key_id = row->key_id;
		if (strcmp(row->key_id, key_id) == 0)
			found = row;
	}
	if (!found)
		return err_set(err, ERR_MISSING, "no CRL here");
	*ret = found;
	return true;
}

static struct ca_crl_kept *
kept_of(struct ca *ca, const char *key_id)
{
	for (size_t i = 0; i < ca->crls_n; i++)
		if (strcmp(ca->crls[i].key_id, key_id) == 0)
			return &ca->crls[i];
	if (ca->crls_n == AUTHORITIES_MAX)
		ca->crls_n--;
	ca->crls[ca->crls_n] = (struct ca_crl_kept){ .key_id = key_id };
	return &ca->crls[ca->crls_n++];
}

static int64_t
next_number(int64_t now, int64_t last)
{
	struct timespec real;
	int64_t number;

	clock_gettime(CLOCK_REALTIME, &real);
	number = now * 1000000 + real.tv_nsec / 1000;
	return number > last ? number : last + 1;
}

bool
ca_crl(TALLOC_CTX *ctx, struct ca *ca, const char *key_id, struct bytes *der, struct err *err)
{
	int64_t now = clock_now(), revocations;
	const struct authority *row = NULL;
	struct ca_crl_kept *kept;
	struct bytes fresh;
	bool ok = true;

	/* How many there were before it is made: one that comes meanwhile makes the next. */
	if (!find_ca(ca_set_now(ca), key_id, &row, err) ||
	    !authority_revocations(ca->db, row->key_id, &revocations, err))
		return false;
	pthread_mutex_lock(&ca->crl_lock);
	kept = kept_of(ca, row->key_id);
	if (!kept->der.len || kept->revocations != revocations || now < kept->built || now - kept->built >= CRL_FRESH_S) {
		int64_t number = next_number(now, kept->number);

		ok = make_crl(ca, row, now, number, &fresh, err);
		if (ok) {
			kept->number = number;
			talloc_free((void *)(uintptr_t)kept->der.p);
			kept->der = fresh;
			kept->revocations = revocations;
			kept->built = now;
		}
	}
	if (ok)
		*der = (struct bytes){ mem_copy(ctx, kept->der.p, kept->der.len), kept->der.len };
	pthread_mutex_unlock(&ca->crl_lock);
	return ok;
}
