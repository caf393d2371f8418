/*
 * The authority as it is now.  What is read is never changed: a new set takes its place, and the old one stays
 * until the server ends, since a request may still be at it; sets change with `pomona ca` alone.
 */
#include "mdm/ca.h"
#include "core/clock.h"
#include "core/log.h"
#include "mdm/ca_set.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

/* ---- reading ---- */

/* The newest in use that can do it here. */
static const struct authority *
find(const struct ca_set *set, enum authority_role role, const char *under, bool staged)
{
	for (size_t i = 0; i < set->all.n; i++) {
		const struct authority *row = &set->all.rows[i];

		if (row->role == role && !row->retired && row->staged == staged && row->sealed_key.len &&
		    (!under || (row->under && strcmp(row->under, under) == 0)))
			return row;
	}
	return NULL;
}

static bool
read_certs(const struct ca_set *set, bool (*wanted)(const struct ca_set *, const struct authority *),
	   STACK_OF(X509) **ret, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = sk_X509_new_null();
	X509 *cert;

	for (size_t i = 0; certs && i < set->all.n; i++) {
		if (!wanted(set, &set->all.rows[i]))
			continue;
		if (!authority_read_cert(&set->all.rows[i], NULL, &cert, err))
			return false;
		if (!sk_X509_push(certs, cert)) {
			X509_free(cert);
			return err_openssl(err, ERR_INTERNAL, "read the certificate authority");
		}
	}
	*ret = certs;
	certs = NULL;
	return true;
}

static bool
issued_ever(const struct ca_set *set, const struct authority *row)
{
	(void)set;
	return row->role == ROLE_OF_CA;
}

static bool
of_scep(const struct ca_set *set, const struct authority *row)
{
	return row == set->ca || row == set->signer || row == set->decrypter || row->role == ROLE_OF_ABOVE;
}

/* RFC 8894 4.2.1: one DER certificate, or certs-only SignedData. */
static bool
make_scep(struct ca_set *set, struct err *err)
{
	SCOPED(cms) CMS_ContentInfo *cms = CMS_ContentInfo_new();
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	unsigned char *der = NULL;
	bool ok;
	int len;

	if (set->signer == set->ca) {
		set->scep = set->ca->der;
		return true;
	}
	if (!read_certs(set, of_scep, &certs, err))
		return false;
	ok = cms && CMS_SignedData_init(cms);
	for (int i = 0; ok && i < sk_X509_num(certs); i++)
		ok = CMS_add1_cert(cms, sk_X509_value(certs, i));
	len = ok ? i2d_CMS_ContentInfo(cms, &der) : -1;
	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "put the authority's certificates together");
	set->scep = (struct bytes){ mem_copy(set, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}

/* An RA of which a half is missing serves nobody: then the CA answers by itself. */
static void
choose(struct ca_set *set)
{
	set->ca = find(set, ROLE_OF_CA, NULL, false);
	if (!set->ca)
		return;
	set->signer = find(set, ROLE_OF_RA_SIGN, set->ca->id, false);
	set->decrypter = find(set, ROLE_OF_RA_DECRYPT, set->ca->id, false);
	if (!set->signer || !set->decrypter)
		set->signer = set->decrypter = set->ca;
	set->next = find(set, ROLE_OF_CA, NULL, true);
}

static bool
read_set(struct ca *ca, struct ca_set **ret, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *ours = NULL;
	struct ca_set *set = mem_new(ca, struct ca_set);
	const struct ca_own *own;

	set->id = cms_thread_id();
	set->sealer = ca->sealer;
	set->base_url = ca->base_url;
	/* the stamp first: what changes between the two is read again next time */
	if (authority_stamp(ca->db, set->stamp, err) && authority_list(set, ca->db, &set->all, err)) {
		for (size_t i = 0; i < set->all.n; i++)
			set->keys[i] = cms_thread_id();
		choose(set);
		if (read_certs(set, issued_ever, &ours, err) && cms_trust_new(set, ours, CMS_DIRECT, &set->ours, err) &&
		    (!set->ca || (make_scep(set, err) && ca_own(set, &own, err)))) {
			*ret = set;
			return true;
		}
	}
	talloc_free(set);
	return false;
}

bool
ca_reload(struct ca *ca, struct err *err)
{
	struct ca_set *set;
	bool ok;

	pthread_mutex_lock(&ca->lock);
	ok = read_set(ca, &set, err);
	if (ok)
		atomic_store(&ca->set, set);
	atomic_store(&ca->looked, clock_ms());
	pthread_mutex_unlock(&ca->lock);
	return ok;
}

static int
close_ca(struct ca *ca)
{
	pthread_mutex_destroy(&ca->lock);
	pthread_mutex_destroy(&ca->crl_lock);
	return 0;
}

bool
ca_open(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *base_url, struct ca **ret,
	struct err *err)
{
	struct ca *ca = mem_new(ctx, struct ca);

	ca->db = db;
	ca->sealer = sealer;
	ca->base_url = mem_text(ca, base_url);
	ca->crl_ctx = talloc_named_const(ca, 0, "CRLs");
	pthread_mutex_init(&ca->lock, NULL);
	pthread_mutex_init(&ca->crl_lock, NULL);
	talloc_set_destructor(ca, close_ca);
	if (!ca_reload(ca, err)) {
		talloc_free(ca);
		return false;
	}
	*ret = ca;
	return true;
}

/* ---- as it is now ---- */

static bool
changed(struct ca *ca, struct err *err)
{
	char stamp[64];

	return authority_stamp(ca->db, stamp, err) && strcmp(stamp, atomic_load(&ca->set)->stamp) != 0;
}

const struct ca_set *
ca_set_now(struct ca *ca)
{
	int64_t now = clock_ms(), looked = atomic_load(&ca->looked);
	struct err err = { 0 };

	/* One thread looks; the others go on with what there is. */
	if (now - looked >= CA_LOOK_MS && atomic_compare_exchange_strong(&ca->looked, &looked, now)) {
		if (changed(ca, &err))
			(void)(ca_reload(ca, &err) && (log_info("the certificate authority has changed"), true));
		if (err.kind)
			log_err("the certificate authority cannot be read again; what was known stays", &err);
	}
	return atomic_load(&ca->set);
}

bool
ca_set_ready(struct ca *ca, const struct ca_set **ret, struct err *err)
{
	const struct ca_set *set = ca_set_now(ca);

	if (!set->ca)
		return err_code(err, ERR_BUSY, "no_ca", "there is no certificate authority; `pomona ca make` makes one");
	*ret = set;
	return true;
}

bool
ca_ready(struct ca *ca)
{
	return ca_set_now(ca)->ca;
}

/* This thread's own; NULL when there is none, or it cannot be opened, which ca_issue says in words. */
static const struct ca_own *
own_of(struct ca *ca)
{
	const struct ca_set *set = NULL;
	const struct ca_own *own;
	struct err err = { 0 };

	return ca_set_ready(ca, &set, &err) && ca_own(set, &own, &err) ? own : NULL;
}

X509 *
ca_signer(struct ca *ca)
{
	const struct ca_own *own = own_of(ca);

	return own ? own->signer.cert : NULL;
}

X509 *
ca_decrypter(struct ca *ca)
{
	const struct ca_own *own = own_of(ca);

	return own ? own->decrypter.cert : NULL;
}

X509 *
ca_cert(struct ca *ca)
{
	const struct ca_own *own = own_of(ca);

	return own ? own->ca.cert : NULL;
}

bool
ca_scep_certs(TALLOC_CTX *ctx, struct ca *ca, struct bytes *der, bool *single, struct err *err)
{
	const struct ca_set *set = NULL;

	if (!ca_set_ready(ca, &set, err))
		return false;
	*der = (struct bytes){ mem_copy(ctx, set->scep.p, set->scep.len), set->scep.len };
	*single = set->signer == set->ca;
	return true;
}

/* ---- whose ---- */

bool
ca_trust(struct ca *ca, struct bytes pem, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	struct cms_trust *trust = NULL;
	bool ok = true;

	if (pem.len) {
		if (!x509_read_pem(pem, &certs, err))
			return false;
		if (sk_X509_num(certs) > CA_TRUSTED_MAX)
			return err_set(err, ERR_LIMIT, "%d certificates are too many", sk_X509_num(certs));
		for (int i = 0; i < sk_X509_num(certs); i++)
			if (X509_check_ca(sk_X509_value(certs, i)) != 1)
				return err_set(err, ERR_INVALID, "certificate %d is not of a CA", i + 1);
	}
	pthread_mutex_lock(&ca->lock);
	if (pem.len)
		ok = cms_trust_new(ca, certs, CMS_DIRECT, &trust, err);
	if (ok) {	/* those of before stay with it: somebody may be at them */
		atomic_store(&ca->trusted_pem, mem_textn(ca, pem.len ? pem.p : "", pem.len));
		atomic_store(&ca->trusted, trust);
	}
	pthread_mutex_unlock(&ca->lock);
	return ok;
}

/* An identity, and neither a CA nor an RA: those are not devices, whoever holds their keys. */
static bool
is_client(X509 *cert)
{
	return X509_check_ca(cert) != 1 && (X509_get_extension_flags(cert) & EXFLAG_XKUSAGE) &&
	       (X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT);
}

bool
ca_whose(struct ca *ca, X509 *cert, enum ca_whose *ret, struct err *err)
{
	const struct ca_set *set = ca_set_now(ca);
	struct cms_trust *trusted = atomic_load(&ca->trusted);
	bool ours = false, theirs = false;

	*ret = CA_NOBODYS;
	if (!is_client(cert)) {
		ERR_clear_error();
		return true;
	}
	if (!cms_trust_vouches(set->ours, cert, NULL, &ours, err) ||
	    (!ours && trusted && !cms_trust_vouches(trusted, cert, NULL, &theirs, err)))
		return false;
	*ret = ours ? CA_OURS : theirs ? CA_TRUSTED : CA_NOBODYS;
	return true;
}

bool
ca_pem(TALLOC_CTX *ctx, struct ca *ca, char **ret, struct err *err)
{
	const char *trusted = atomic_load(&ca->trusted_pem);
	char *ours;

	if (!authorities_pem(ctx, &ca_set_now(ca)->all, &ours, err))
		return false;
	*ret = mem_printf(ctx, "%s%s", ours, trusted ? trusted : "");
	return true;
}

/* ---- where the CRL is ---- */

const char *
ca_set_crl_url(TALLOC_CTX *ctx, const struct ca_set *set, const char *key_id)
{
	const struct authority *first = NULL;

	for (size_t i = 0; i < set->all.n; i++)		/* the newest first */
		if (set->all.rows[i].role == ROLE_OF_CA && set->all.rows[i].sealed_key.len)
			first = &set->all.rows[i];
	if (!first || strcmp(first->key_id, key_id) == 0)
		return mem_printf(ctx, "%s/crl", set->base_url);
	return mem_printf(ctx, "%s/crl/%s", set->base_url, key_id);
}
