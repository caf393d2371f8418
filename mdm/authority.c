#include "mdm/authority.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/secret.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define COLUMNS	"id, role, under, key_id, certificate, sealed_key, sha256, not_after, made, retired, revocations, staged"

static const char *const roles[] = {
#define R(id, name) [ROLE_OF_##id] = name,
	AUTHORITY_ROLES(R)
#undef R
};

const char *
authority_role_name(enum authority_role role)
{
	return roles[role];
}

static void
read_row(TALLOC_CTX *ctx, struct rows *rows, struct authority *row)
{
	const char *role = rows_text(ctx, rows, 1);

	*row = (struct authority){
		.id = rows_text(ctx, rows, 0), .under = rows_text(ctx, rows, 2), .key_id = rows_text(ctx, rows, 3),
		.der = rows_bytes(ctx, rows, 4), .sealed_key = rows_bytes(ctx, rows, 5), .sha256 = rows_text(ctx, rows, 6),
		.not_after = rows_int(rows, 7), .made_ms = rows_int(rows, 8), .retired = rows_int(rows, 9),
		.revocations = rows_int(rows, 10), .staged = rows_bool(rows, 11),
	};
	while (row->role < AUTHORITY_ROLES_N - 1 && strcmp(role, roles[row->role]) != 0)
		row->role++;
}

bool
authority_list(TALLOC_CTX *ctx, struct db *db, struct authorities *ret, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT " COLUMNS " FROM authority ORDER BY made DESC, id LIMIT $1",
				     db_int(AUTHORITIES_MAX));
	struct authorities list = { mem_array(ctx, struct authority, AUTHORITIES_MAX), 0 };
	enum rows_step step;

	while ((step = rows_next(rows, err)) == ROWS_ROW)
		read_row(list.rows, rows, &list.rows[list.n++]);
	if (step == ROWS_FAILED)
		return false;
	*ret = list;
	return true;
}

bool
authority_stamp(struct db *db, char ret[64], struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT count(*), COALESCE(max(made), 0),"
				     " CAST(COALESCE(sum(retired), 0) AS BIGINT) FROM authority");

	if (!rows_one(rows, err, "authority"))
		return false;
	snprintf(ret, 64, "%lld %lld %lld", (long long)rows_int(rows, 0), (long long)rows_int(rows, 1),
		 (long long)rows_int(rows, 2));
	return true;
}

bool
authority_revocations(struct db *db, const char *key_id, int64_t *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT CAST(COALESCE(sum(revocations), 0) AS BIGINT)"
				     " FROM authority WHERE key_id = $1", db_text(key_id));

	if (!rows_one(rows, err, "authority"))
		return false;
	*ret = rows_int(rows, 0);
	return true;
}

/* ---- certificates and keys ---- */

/* What the certificate says, or what RFC 5280 section 4.2.1.2 says of one that says nothing. */
static bool
key_id_of(X509 *cert, struct buf *hex)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(cert);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (id && ASN1_STRING_length(id) > 0 && ASN1_STRING_length(id) <= EVP_MAX_MD_SIZE)
		buf_hex(hex, ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id));
	else if (X509_pubkey_digest(cert, EVP_sha1(), digest, &len))
		buf_hex(hex, digest, len);
	return hex->len > 0;
}

/* The clock has seconds, and a test makes several in one. */
static int64_t
now_ms(void)
{
	struct timespec real;
	time_t now = clock_now();

	clock_gettime(CLOCK_REALTIME, &real);
	return real.tv_sec - now <= 1 && now - real.tv_sec <= 1 ? real.tv_sec * 1000LL + real.tv_nsec / 1000000
								: now * 1000LL;
}

bool
authority_of(TALLOC_CTX *ctx, X509 *cert, enum authority_role role, const char *under, struct authority **ret,
	     struct err *err)
{
	struct authority *row = mem_new(ctx, struct authority);
	char sha256[X509_FINGERPRINT_SIZE];
	unsigned char *der = NULL;
	struct buf hex;
	time_t ends;
	int len;

	buf_init(&hex, row, 2 * EVP_MAX_MD_SIZE + 1);
	len = i2d_X509(cert, &der);
	if (len <= 0 || !key_id_of(cert, &hex) || !x509_expires(cert, &ends)) {
		OPENSSL_free(der);
		return err_openssl(err, ERR_INVALID, "a certificate of an authority cannot be read");
	}
	*row = (struct authority){
		.id = secret_id(row), .under = mem_text(row, under), .key_id = buf_str(&hex), .role = role,
		.sha256 = mem_text(row, x509_sha256(cert, sha256)),
		.der = { mem_copy(row, der, (size_t)len), (size_t)len }, .not_after = ends,
		.made_ms = now_ms(),
	};
	OPENSSL_free(der);
	*ret = row;
	return true;
}

static const char *
seal_name(TALLOC_CTX *ctx, const struct authority *row)
{
	return mem_printf(ctx, "authority:%s", row->id);
}

bool
authority_seal_key(struct authority *row, const struct sealer *sealer, EVP_PKEY *key, struct err *err)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int len = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
	bool ok;

	PKCS8_PRIV_KEY_INFO_free(info);
	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "encode a private key");
	ok = seal(row, sealer, seal_name(row, row), (struct bytes){ der, (size_t)len }, &row->sealed_key, err);
	OPENSSL_clear_free(der, (size_t)len);
	return ok;
}

bool
authority_open_key(const struct authority *row, const struct sealer *sealer, OSSL_LIB_CTX *lib, EVP_PKEY **ret,
		   struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct bytes plain;
	const unsigned char *p;
	EVP_PKEY *key;

	if (!sealer)
		return err_set(err, ERR_CONFLICT, "the key of authority %s is sealed, and key.master_file is not set", row->id);
	if (!unseal(ctx, sealer, seal_name(ctx, row), row->sealed_key, &plain, err))
		return err_at(err, "key of authority %s", row->id);
	p = plain.p;
	key = d2i_AutoPrivateKey_ex(NULL, &p, (long)plain.len, lib, NULL);
	if (!key)
		return err_openssl(err, ERR_INTERNAL, "read the key of authority %s", row->id);
	*ret = key;
	return true;
}

bool
authority_read_cert(const struct authority *row, OSSL_LIB_CTX *lib, X509 **ret, struct err *err)
{
	X509 *cert = X509_new_ex(lib, NULL);
	const unsigned char *p = row->der.p;

	if (!cert || !d2i_X509(&cert, &p, (long)row->der.len)) {
		X509_free(cert);
		return err_openssl(err, ERR_INTERNAL, "read the certificate of authority %s", row->id);
	}
	*ret = cert;
	return true;
}

bool
authorities_pem(TALLOC_CTX *ctx, const struct authorities *all, char **ret, struct err *err)
{
	SCOPED(bio) BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long len;

	for (size_t i = 0; bio && i < all->n; i++) {
		SCOPED(x509) X509 *cert = NULL;

		if (all->rows[i].role != ROLE_OF_CA && all->rows[i].role != ROLE_OF_ABOVE)
			continue;
		if (!authority_read_cert(&all->rows[i], NULL, &cert, err))
			return false;
		if (!PEM_write_bio_X509(bio, cert))
			return err_openssl(err, ERR_INTERNAL, "write certificates");
	}
	if (!bio)
		return err_openssl(err, ERR_INTERNAL, "write certificates");
	len = BIO_get_mem_data(bio, &p);
	*ret = mem_textn(ctx, len > 0 ? p : "", (size_t)len);
	return true;
}

/* ---- rows ---- */

bool
authority_keep(struct db *tx, const struct authority *row, struct err *err)
{
	return db_run(tx, err, "INSERT INTO authority (" COLUMNS ")"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, 0, $10)", db_text(row->id), db_text(roles[row->role]),
		      db_text(row->under), db_text(row->key_id), db_bytes(row->der),
		      row->sealed_key.len ? db_bytes(row->sealed_key) : db_null(), db_text(row->sha256),
		      db_int(row->not_after), db_int(row->made_ms), db_bool(row->staged));
}

bool
authority_retire_all(struct db *tx, int64_t now, struct err *err)
{
	return db_run(tx, err, "UPDATE authority SET retired = $1 WHERE retired IS NULL AND role <> 'above'", db_int(now));
}

bool
authority_take_over(struct db *tx, int64_t now, bool *any, struct err *err)
{
	*any = false;
	if (!db_run(tx, err, "UPDATE authority SET retired = $1 WHERE retired IS NULL AND role <> 'above' AND NOT staged"
		    " AND EXISTS (SELECT 1 FROM authority n WHERE n.staged AND n.role = 'ca' AND n.retired IS NULL)", db_int(now)))
		return false;
	if (!db_changed(tx))
		return true;
	*any = true;
	return db_run(tx, err, "UPDATE authority SET staged = FALSE WHERE staged AND retired IS NULL");
}

bool
authority_revoked_one(struct db *tx, const char *id, struct err *err)
{
	return db_run(tx, err, "UPDATE authority SET revocations = revocations + 1 WHERE id = $1", db_text(id));
}
