/*
 * Key and certificate are made before the transaction that keeps them; of two that are made at the same moment the
 * first stays, and the other was never issued.
 */
#include "mdm/ca_sign.h"
#include "core/clock.h"
#include "core/log.h"
#include "mdm/ca_set.h"
#include "mdm/certificate.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#define KEY_BITS	2048

bool
ca_sign_ready(struct ca *ca)
{
	const struct ca_set *set = ca_set_now(ca);

	return set->ca && set->sealer && set->ca->not_after > clock_now();
}

static const char *
name_of(TALLOC_CTX *ctx, const char *sha256)
{
	return mem_printf(ctx, "signing_certificate:%s", sha256);
}

/* ---- what is there ---- */

struct row {
	struct ca_signing show;
	struct bytes sealed_key;
};

static bool
find(TALLOC_CTX *ctx, struct db *db, struct row **ret, struct err *err)
{
	struct row *row = mem_new(ctx, struct row);
	struct rows *rows = db_query(row, db, "SELECT s.sha256, s.chain, s.not_after, s.sealed_key FROM signing_certificate s"
				     " JOIN certificate c ON c.sha256 = s.sha256 JOIN authority a ON a.id = s.authority_id"
				     " WHERE c.revoked IS NULL AND a.retired IS NULL");
	enum rows_step next = rows_next(rows, err);

	*ret = NULL;
	if (next == ROWS_ROW) {
		row->show = (struct ca_signing){ rows_text(row, rows, 0), rows_text(row, rows, 1), rows_int(rows, 2) };
		row->sealed_key = rows_bytes(row, rows, 3);
		*ret = row;
	}
	rows_done(rows);
	return next != ROWS_FAILED;
}

bool
ca_sign_find(TALLOC_CTX *ctx, struct db *db, struct ca_signing **ret, struct err *err)
{
	struct row *row;

	if (!find(ctx, db, &row, err))
		return false;
	*ret = row ? &row->show : NULL;
	return true;
}

/* Nothing is won by a certificate that would end when this one does: with its CA. */
static bool
is_due(const struct row *row, const struct authority *ca)
{
	return row->show.not_after < clock_now() + CA_SIGN_RENEW_DAYS * DAY_S && row->show.not_after < ca->not_after;
}

/* ---- making one ---- */

static bool
add_pem(BIO *out, X509 *cert, struct err *err)
{
	return PEM_write_bio_X509(out, cert) == 1 || err_openssl(err, ERR_INTERNAL, "write a certificate");
}

/* Who signed `cert`, among what stands above; NULL: nobody, or itself did. */
static bool
next_above(const struct authorities *all, X509 *cert, X509 **ret, struct err *err)
{
	*ret = NULL;
	for (size_t i = 0; i < all->n && X509_self_signed(cert, 0) != 1; i++) {
		X509 *above;

		if (all->rows[i].role != ROLE_OF_ABOVE)
			continue;
		if (!authority_read_cert(&all->rows[i], NULL, &above, err))
			return false;
		if (X509_check_issued(above, cert) == X509_V_OK && X509_verify(cert, X509_get0_pubkey(above)) == 1) {
			*ret = above;
			break;
		}
		X509_free(above);
	}
	ERR_clear_error();
	return true;
}

static bool
write_chain(TALLOC_CTX *ctx, const struct ca_set *set, struct bytes leaf, const char **ret, struct err *err)
{
	SCOPED(bio) BIO *out = BIO_new(BIO_s_mem());
	X509 *cert SCOPED(x509) = NULL;
	char *text;
	long len;

	if (!out)
		return err_openssl(err, ERR_INTERNAL, "write a certificate");
	if (!x509_read_der(leaf, &cert, err) || !add_pem(out, cert, err))
		return false;
	X509_free(cert);
	cert = NULL;
	if (!authority_read_cert(set->ca, NULL, &cert, err))
		return false;
	for (int i = 0; cert && i < CMS_CHAIN_MAX; i++) {
		X509 *above;

		if (!add_pem(out, cert, err) || !next_above(&set->all, cert, &above, err))
			return false;
		X509_free(cert);
		cert = above;
	}
	len = BIO_get_mem_data(out, &text);
	*ret = mem_textn(ctx, text, (size_t)len);
	return true;
}

static bool
seal_key(TALLOC_CTX *ctx, const struct ca_set *set, const char *sha256, EVP_PKEY *key, struct bytes *ret, struct err *err)
{
	SCOPED(bio) BIO *out = BIO_new(BIO_s_secmem());
	char *text;
	long len;

	if (!out || PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1)
		return err_openssl(err, ERR_INTERNAL, "write a key");
	len = BIO_get_mem_data(out, &text);
	return seal(ctx, set->sealer, name_of(ctx, sha256), (struct bytes){ text, (size_t)len }, ret, err);
}

struct making {
	const char *before;		/* what was there; NULL: nothing */
	const struct certificate *cert;
	const char *chain;
	struct bytes sealed_key;
};

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	const struct making *m = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct row *row;

	if (!find(ctx, tx, &row, err))
		return false;
	if (row && (!m->before || strcmp(row->show.sha256, m->before) != 0))
		return true;	/* another was quicker */
	return certificate_keep(tx, m->cert, err) && db_run(tx, err, "DELETE FROM signing_certificate") &&
	       db_run(tx, err, "INSERT INTO signing_certificate (sha256, authority_id, chain, sealed_key, not_after)"
		      " VALUES ($1, $2, $3, $4, $5)", db_text(m->cert->sha256), db_text(m->cert->authority_id), db_text(m->chain),
		      db_bytes(m->sealed_key), db_int(m->cert->not_after));
}

static bool
make(struct ca *ca, const char *subject, const struct row *before, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	EVP_PKEY *key SCOPED(evp_pkey) = EVP_RSA_gen(KEY_BITS);
	struct ca_wish wish = { .key = key, .purpose = CA_SIGN, .subject = subject };
	const struct ca_set *set;
	struct certificate *cert;
	struct making m = { .before = before ? before->show.sha256 : NULL };

	if (!key)
		return err_openssl(err, ERR_INTERNAL, "make a key");
	/* Which CA is in use is read anew: `pomona ca` may have just made another. */
	if (!ca_reload(ca, err) || !ca_set_ready(ca, &set, err) || !ca_issue(ctx, ca, &wish, &cert, err))
		return false;
	m.cert = cert;
	return write_chain(ctx, set, cert->der, &m.chain, err) &&
	       seal_key(ctx, set, cert->sha256, key, &m.sealed_key, err) && db_tx(ca->db, tx_keep, &m, err);
}

/* ---- using it ---- */

static bool
renew(struct ca *ca, const char *subject, const struct row *row, struct err *err)
{
	return make(ca, subject, row, err) || err_at(err, "signing certificate");
}

bool
ca_sign_keep(struct ca *ca, const char *subject, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct row *row;

	if (!ca_sign_ready(ca))
		return true;
	return find(ctx, ca->db, &row, err) && (!row || !is_due(row, ca_set_now(ca)->ca) || renew(ca, subject, row, err));
}

static bool
read_signer(TALLOC_CTX *ctx, const struct ca_set *set, const struct row *row, struct cms_signer **ret, struct err *err)
{
	void *tmp SCOPED(mem) = talloc_new(NULL);
	struct bytes pem;

	return (unseal(tmp, set->sealer, name_of(tmp, row->show.sha256), row->sealed_key, &pem, err) &&
		cms_signer_read(ctx, (struct bytes){ row->show.chain, strlen(row->show.chain) }, pem, ret, err)) ||
	       err_at(err, "signing certificate");
}

bool
ca_sign_signer(TALLOC_CTX *ctx, struct ca *ca, const char *subject, struct cms_signer **ret, struct err *err)
{
	void *tmp SCOPED(mem) = talloc_new(NULL);
	const struct ca_set *set;
	struct row *row;
	struct err why;

	if (!ca_set_ready(ca, &set, err) || !find(tmp, ca->db, &row, err))
		return false;
	if (!row || is_due(row, set->ca)) {
		if (renew(ca, subject, row, &why)) {
			if (!find(tmp, ca->db, &row, err))
				return false;
		} else if (!row || row->show.not_after <= clock_now()) {
			*err = why;
			return false;
		} else {
			log_err("what signs mobileconfigs cannot be renewed", &why);
		}
	}
	if (!row)	/* at this moment */
		return err_code(err, ERR_BUSY, "ca_changes", "the certificate authority has just changed");
	return read_signer(ctx, set, row, ret, err);
}
