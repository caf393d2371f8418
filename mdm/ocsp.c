/*
 * An answer that was signed is kept while nothing is revoked under that CA and the hour lasts: whoever asks
 * without a nonce costs one row read.  With a nonce each costs a signature, and so does what is unknown: who asks
 * too often for those is answered sparingly, with what can be kept.
 */
#include "mdm/ocsp.h"
#include "core/asn1.h"
#include "core/clock.h"
#include "mdm/ca_key.h"
#include "mdm/ca_set.h"
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/sha.h>
#include <string.h>

#define KEPT_BYTES_MAX 4096	/* of one answer; larger ones are made each time */

/* ---- reading ---- */

static void
scoped_request(OCSP_REQUEST **request)
{
	OCSP_REQUEST_free(*request);
}

static void
scoped_basic(OCSP_BASICRESP **basic)
{
	OCSP_BASICRESP_free(*basic);
}

/* The content of the nonce's OCTET STRING, which OpenSSL keeps as it came: RFC 8954 wants 1 to 32 bytes in one. */
static bool
nonce_fits(OCSP_REQUEST *request, int at)
{
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request, at));
	struct bytes rest = { ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) };
	struct asn1 octets;
	struct err none;
	size_t len;

	return rest.len && asn1_gate(rest, &len, &none) && len == rest.len && asn1_next(&rest, &octets) &&
	       octets.tag == ASN1_TAG_OCTETS && octets.content.len >= 1 && octets.content.len <= OCSP_NONCE_MAX;
}

/* What is critical and not understood is refused (RFC 6960 4.4); nonces we do understand. */
static bool
extensions_fit(OCSP_REQUEST *request)
{
	int nonce = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);

	for (int i = 0; i < OCSP_REQUEST_get_ext_count(request); i++)
		if (i != nonce && X509_EXTENSION_get_critical(OCSP_REQUEST_get_ext(request, i)))
			return false;
	for (int i = 0; i < OCSP_request_onereq_count(request); i++) {
		OCSP_ONEREQ *one = OCSP_request_onereq_get0(request, i);

		for (int k = 0; k < OCSP_ONEREQ_get_ext_count(one); k++)
			if (X509_EXTENSION_get_critical(OCSP_ONEREQ_get_ext(one, k)))
				return false;
	}
	return nonce < 0 || nonce_fits(request, nonce);
}

/* NULL: malformed. */
static OCSP_REQUEST *
read_request(struct bytes der)
{
	const unsigned char *p = der.p;
	OCSP_REQUEST *request;
	struct err none;
	size_t len;
	int n;

	if (!der.len || der.len > OCSP_REQUEST_MAX || !asn1_gate(der, &len, &none) || len != der.len)
		return NULL;
	request = d2i_OCSP_REQUEST(NULL, &p, (long)der.len);
	n = request && p == (const unsigned char *)der.p + der.len ? OCSP_request_onereq_count(request) : 0;
	if (n < 1 || n > OCSP_ASKED_MAX || !extensions_fit(request)) {
		OCSP_REQUEST_free(request);
		request = NULL;
	}
	ERR_clear_error();
	return request;
}

bool
ocsp_read(struct bytes der)
{
	OCSP_REQUEST *request __attribute__((cleanup(scoped_request))) = read_request(der);

	return request;
}

/* ---- which CA it is about ---- */

struct issuer {
	const struct authority *row;
	X509 *cert;
};

struct asking {
	struct ca *ca;
	const struct ca_set *set;
	OCSP_REQUEST *request;
	struct bytes der;		/* of the request */
	struct issuer issuer;
	OSSL_LIB_CTX *lib;
	bool sparing;
};

static const EVP_MD *
digest_of(OCSP_CERTID *id, ASN1_INTEGER **serial)
{
	ASN1_OBJECT *oid = NULL;

	OCSP_id_get0_info(NULL, &oid, NULL, serial, id);
	switch (OBJ_obj2nid(oid)) {
	case NID_sha1:		return EVP_sha1();
	case NID_sha256:	return EVP_sha256();
	case NID_sha384:	return EVP_sha384();
	case NID_sha512:	return EVP_sha512();
	default:		return NULL;
	}
}

static bool
is_about(OCSP_CERTID *id, X509 *issuer)
{
	ASN1_INTEGER *serial = NULL;
	const EVP_MD *digest = digest_of(id, &serial);
	OCSP_CERTID *mine = digest ? OCSP_cert_id_new(digest, X509_get_subject_name(issuer),
						      X509_get0_pubkey_bitstr(issuer), serial) : NULL;
	bool same = mine && OCSP_id_issuer_cmp(id, mine) == 0;

	OCSP_CERTID_free(mine);
	return same;
}

/* The newest CA whose key is here and that one of these names; row NULL: none.  The caller frees the certificate. */
static bool
find_issuer(const struct ca_set *set, OCSP_REQUEST *request, OSSL_LIB_CTX *lib, struct issuer *ret, struct err *err)
{
	for (size_t i = 0; i < set->all.n; i++) {
		const struct authority *row = &set->all.rows[i];
		X509 *cert = NULL;

		if (row->role != ROLE_OF_CA || !row->sealed_key.len)
			continue;
		if (!authority_read_cert(row, lib, &cert, err))
			return false;
		for (int k = 0; k < OCSP_request_onereq_count(request); k++)
			if (is_about(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, k)), cert)) {
				*ret = (struct issuer){ row, cert };
				return true;
			}
		X509_free(cert);
	}
	*ret = (struct issuer){ 0 };
	return true;
}

/* ---- the answer about one ---- */

static bool
has_key(const struct ca_set *set, const char *authority_id, const char *key_id)
{
	for (size_t i = 0; i < set->all.n; i++)
		if (strcmp(set->all.rows[i].id, authority_id) == 0)
			return strcmp(set->all.rows[i].key_id, key_id) == 0;
	return false;
}

/* *cert NULL: no certificate of this CA has that serial. */
static bool
find_cert(TALLOC_CTX *ctx, struct ca *ca, const struct ca_set *set, const struct issuer *issuer, OCSP_CERTID *id,
	  struct certificate **cert, struct err *err)
{
	ASN1_INTEGER *serial = NULL;
	BIGNUM *number;
	const char *sha256;
	char *hex;
	bool ok;

	*cert = NULL;
	if (!is_about(id, issuer->cert))
		return true;
	(void)digest_of(id, &serial);
	number = ASN1_INTEGER_to_BN(serial, NULL);
	hex = number ? BN_bn2hex(number) : NULL;
	ok = hex && certificate_by_serial(ctx, ca->db, hex, &sha256, err) &&
	     certificate_find(ctx, ca->db, sha256, cert, err);
	if (!hex)
		err_openssl(err, ERR_INTERNAL, "read a serial number");
	OPENSSL_free(hex);
	BN_free(number);
	if (!ok)
		return err->kind == ERR_MISSING;
	if (!has_key(set, (*cert)->authority_id, issuer->row->key_id))
		*cert = NULL;
	return true;
}

static bool
add_status(OCSP_BASICRESP *basic, OCSP_CERTID *id, const struct certificate *cert, int64_t now, const char **word)
{
	int status = !cert ? V_OCSP_CERTSTATUS_UNKNOWN : cert->revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD;
	int reason = cert && cert->revoked ? certificate_reason(cert->reason) : 0;
	ASN1_TIME *at = cert && cert->revoked ? ASN1_GENERALIZEDTIME_set(NULL, cert->revoked) : NULL;
	ASN1_TIME *from = ASN1_GENERALIZEDTIME_set(NULL, now), *until = ASN1_GENERALIZEDTIME_set(NULL, now + OCSP_FRESH_S);
	bool ok = from && until && OCSP_basic_add1_status(basic, id, status, reason > 0 ? reason :
							   OCSP_REVOKED_STATUS_NOSTATUS, at, from, until);

	ASN1_TIME_free(at);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	*word = *word ? "several" : !cert ? "unknown" : cert->revoked ? "revoked" : "good";
	return ok;
}

/* With the thread's own handle. */
static bool
sign(const struct asking *a, OCSP_BASICRESP *basic, struct err *err)
{
	const struct ca_own *own;
	EVP_PKEY *key;

	if (a->issuer.row == a->set->ca)
		return ca_own(a->set, &own, err) && ca_key_sign_ocsp(basic, own->ca.cert, own->ca.key, err);
	return ca_own_key(a->set, a->issuer.row, &key, err) && ca_key_sign_ocsp(basic, a->issuer.cert, key, err);
}

/* ---- writing ---- */

static bool
write_answer(TALLOC_CTX *ctx, int status, OCSP_BASICRESP *basic, struct bytes *ret, struct err *err)
{
	OCSP_RESPONSE *response = OCSP_response_create(status, basic);
	unsigned char *der = NULL;
	int len = response ? i2d_OCSP_RESPONSE(response, &der) : -1;

	OCSP_RESPONSE_free(response);
	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "write an OCSP response");
	*ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}

static bool
refuse(TALLOC_CTX *ctx, int status, struct ocsp_answer *ret, struct err *err)
{
	*ret = (struct ocsp_answer){ .status = status == OCSP_RESPONSE_STATUS_MALFORMEDREQUEST ? "malformed" :
				     status == OCSP_RESPONSE_STATUS_TRYLATER ? "later" : "unauthorized" };
	return write_answer(ctx, status, NULL, &ret->der, err);
}

static bool
answer(TALLOC_CTX *ctx, const struct asking *a, struct ocsp_answer *ret, struct err *err)
{
	OCSP_BASICRESP *basic __attribute__((cleanup(scoped_basic))) = OCSP_BASICRESP_new();
	int64_t now = clock_now();

	for (int i = 0; i < OCSP_request_onereq_count(a->request); i++) {
		OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(a->request, i));
		struct certificate *cert;

		if (!find_cert(ctx, a->ca, a->set, &a->issuer, id, &cert, err))
			return false;
		if (!cert && a->sparing)	/* it is not kept: each would be signed anew */
			return refuse(ctx, OCSP_RESPONSE_STATUS_TRYLATER, ret, err);
		if (!basic || !add_status(basic, id, cert, now, &ret->status))
			return err_openssl(err, ERR_INTERNAL, "make an OCSP response");
	}
	if (OCSP_copy_nonce(basic, a->request) < 1)	/* 2: there is none */
		return err_openssl(err, ERR_INTERNAL, "make an OCSP response");
	return sign(a, basic, err) && write_answer(ctx, OCSP_RESPONSE_STATUS_SUCCESSFUL, basic, &ret->der, err);
}

/* ---- what was signed before ---- */

static struct kept {
	unsigned char of[SHA256_DIGEST_LENGTH];	/* of key id and request */
	int64_t revocations, made;
	const char *status;			/* NULL: free */
	size_t len;
	unsigned char der[KEPT_BYTES_MAX];
} *kept;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
name_of(const char *key_id, struct bytes request, unsigned char of[SHA256_DIGEST_LENGTH])
{
	unsigned char both[OCSP_REQUEST_MAX + 128];
	size_t len = strnlen(key_id, 128);

	memcpy(both, key_id, len);
	memcpy(both + len, request.p, request.len);
	SHA256(both, len + request.len, of);
}

static struct kept *
place_of(const unsigned char of[SHA256_DIGEST_LENGTH])
{
	if (!kept)
		kept = mem_must(talloc_zero_array(NULL, struct kept, OCSP_KEPT));
	return &kept[(of[0] | of[1] << 8) % OCSP_KEPT];
}

static bool
kept_get(TALLOC_CTX *ctx, const unsigned char of[SHA256_DIGEST_LENGTH], int64_t revocations, struct ocsp_answer *ret)
{
	int64_t age;
	struct kept *k;
	bool found;

	pthread_mutex_lock(&lock);
	k = place_of(of);
	age = clock_now() - k->made;
	/* What is told may be kept to its own nextUpdate, so half of an hour is left at least. */
	found = k->status && memcmp(k->of, of, SHA256_DIGEST_LENGTH) == 0 && k->revocations == revocations && age >= 0 &&
		age < OCSP_FRESH_S / 2;
	if (found)
		*ret = (struct ocsp_answer){ { mem_copy(ctx, k->der, k->len), k->len }, OCSP_FRESH_S - age, k->status };
	pthread_mutex_unlock(&lock);
	return found;
}

static void
kept_put(const unsigned char of[SHA256_DIGEST_LENGTH], int64_t revocations, const struct ocsp_answer *made)
{
	struct kept *k;

	if (made->der.len > KEPT_BYTES_MAX)
		return;
	pthread_mutex_lock(&lock);
	k = place_of(of);
	memcpy(k->of, of, SHA256_DIGEST_LENGTH);
	k->revocations = revocations;
	k->made = clock_now();
	k->status = made->status;
	k->len = made->der.len;
	memcpy(k->der, made->der.p, made->der.len);
	pthread_mutex_unlock(&lock);
}

/* ---- all of it ---- */

/* What is unknown may be issued a moment later, and a nonce comes once: neither is kept. */
static bool
answer_or_again(TALLOC_CTX *ctx, const struct asking *a, struct ocsp_answer *ret, struct err *err)
{
	bool nonce = OCSP_REQUEST_get_ext_by_NID(a->request, NID_id_pkix_OCSP_Nonce, -1) >= 0;
	unsigned char of[SHA256_DIGEST_LENGTH];
	struct ocsp_answer made = { 0 };
	int64_t revocations;

	name_of(a->issuer.row->key_id, a->der, of);
	/* How many there were before it is made: one that comes meanwhile makes the next. */
	if (!authority_revocations(a->ca->db, a->issuer.row->key_id, &revocations, err))
		return false;
	if (!nonce && kept_get(ctx, of, revocations, ret))
		return true;
	if (!answer(ctx, a, &made, err))
		return false;
	if (!nonce && (strcmp(made.status, "good") == 0 || strcmp(made.status, "revoked") == 0)) {
		made.keep_s = OCSP_FRESH_S;
		kept_put(of, revocations, &made);
	}
	*ret = made;
	return true;
}

/*
 * The same question as RFC 5019 has it, with nothing in it that whoever asks could vary: no nonce, one certificate,
 * written by us.  NULL: there is no such.
 */
static OCSP_REQUEST *
plain_request(TALLOC_CTX *ctx, OCSP_REQUEST *asked, X509 *issuer, struct bytes *der)
{
	OCSP_REQUEST *plain = OCSP_REQUEST_new();
	ASN1_INTEGER *serial = NULL;
	OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(asked, 0)), *own;
	const EVP_MD *digest = digest_of(id, &serial);
	unsigned char *text = NULL;
	int len = -1;

	if (plain && OCSP_request_onereq_count(asked) == 1 && is_about(id, issuer)) {
		own = OCSP_cert_id_new(digest, X509_get_subject_name(issuer), X509_get0_pubkey_bitstr(issuer), serial);
		if (own && OCSP_request_add0_id(plain, own))
			len = i2d_OCSP_REQUEST(plain, &text);
		else
			OCSP_CERTID_free(own);
	}
	if (len > 0 && len <= OCSP_REQUEST_MAX) {
		*der = (struct bytes){ mem_copy(ctx, text, (size_t)len), (size_t)len };
	} else {
		OCSP_REQUEST_free(plain);
		plain = NULL;
	}
	OPENSSL_free(text);
	return plain;
}

static bool
answer_sparing(TALLOC_CTX *ctx, const struct asking *asked, struct ocsp_answer *ret, struct err *err)
{
	struct asking a = *asked;
	OCSP_REQUEST *plain __attribute__((cleanup(scoped_request))) =
		plain_request(ctx, asked->request, asked->issuer.cert, &a.der);

	a.request = plain;
	return plain ? answer_or_again(ctx, &a, ret, err) : refuse(ctx, OCSP_RESPONSE_STATUS_TRYLATER, ret, err);
}

bool
ocsp_answer(TALLOC_CTX *ctx, struct ca *ca, struct bytes der, bool sparing, struct ocsp_answer *ret, struct err *err)
{
	OCSP_REQUEST *request __attribute__((cleanup(scoped_request))) = read_request(der);
	struct asking a = { .ca = ca, .set = ca_set_now(ca), .request = request, .der = der, .sparing = sparing };
	X509 *cert SCOPED(x509) = NULL;

	if (!request)
		return refuse(ctx, OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, ret, err);
	if (!cms_thread_lib(&a.lib, err) || !find_issuer(a.set, request, a.lib, &a.issuer, err))
		return false;
	cert = a.issuer.cert;
	if (!a.issuer.row)
		return refuse(ctx, OCSP_RESPONSE_STATUS_UNAUTHORIZED, ret, err);
	return sparing ? answer_sparing(ctx, &a, ret, err) : answer_or_again(ctx, &a, ret, err);
}
