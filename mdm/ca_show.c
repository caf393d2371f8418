#include "mdm/ca_show.h"
#include "core/clock.h"
#include "mdm/ca_set.h"
#include "mdm/subject.h"
#include <openssl/bn.h>
#include <openssl/err.h>
#include <string.h>

static json_t *
moment(int64_t at)
{
	char text[CLOCK_ISO_SIZE];

	return json_string(clock_iso(at, text));
}

static const char *
state_of(const struct authority *row, int64_t now)
{
	return row->not_after <= now ? "expired" : row->retired ? "retired" : row->staged ? "next" : "in_use";
}

static const char *
serial_of(TALLOC_CTX *ctx, X509 *cert)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = number ? BN_bn2hex(number) : NULL, *text = mem_text(ctx, hex ? hex : "");

	OPENSSL_free(hex);
	BN_free(number);
	for (char *p = text; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p += 'a' - 'A';
	return text;
}

static int64_t
begin_of(X509 *cert)
{
	struct tm tm = { 0 };

	return ASN1_TIME_to_tm(X509_get0_notBefore(cert), &tm) ? timegm(&tm) : 0;
}

static bool
one_json(const struct ca_set *set, const struct authority *row, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	SCOPED(x509) X509 *cert = NULL;
	EVP_PKEY *key;
	int64_t now = clock_now();
	json_t *json;

	if (!authority_read_cert(row, NULL, &cert, err))
		return false;
	key = X509_get0_pubkey(cert);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I}", "id", row->id,
			 "role", authority_role_name(row->role), "state", state_of(row, now),
			 "subject", subject_write(ctx, X509_get_subject_name(cert)),
			 "issuer", subject_write(ctx, X509_get_issuer_name(cert)),
			 "key", !key ? "" : mem_printf(ctx, "%s %d", EVP_PKEY_get0_type_name(key), EVP_PKEY_get_bits(key)),
			 "serial", serial_of(ctx, cert), "sha256", row->sha256, "key_id", row->key_id,
			 "not_before", moment(begin_of(cert)), "not_after", moment(row->not_after),
			 "made", moment(row->made_ms / 1000), "days", (json_int_t)((row->not_after - now) / DAY_S));
	json_object_set_new(json, "crl_url", row->role == ROLE_OF_CA && row->sealed_key.len ?
			    json_string(ca_set_crl_url(ctx, set, row->key_id)) : json_null());
	ERR_clear_error();
	*ret = json;
	return true;
}

static bool
add(json_t *list, const struct ca_set *set, const struct authority *row, struct err *err)
{
	json_t *one;

	if (!one_json(set, row, &one, err))
		return false;
	json_array_append_new(list, one);
	return true;
}

/* Each CA with its RAs behind it, the newest first; last what stands above. */
static bool
fill(json_t *list, const struct ca_set *set, struct err *err)
{
	const struct authorities *all = &set->all;

	for (size_t i = 0; i < all->n; i++) {
		if (all->rows[i].role != ROLE_OF_CA)
			continue;
		if (!add(list, set, &all->rows[i], err))
			return false;
		for (size_t k = 0; k < all->n; k++)
			if (all->rows[k].under && strcmp(all->rows[k].under, all->rows[i].id) == 0 &&
			    !add(list, set, &all->rows[k], err))
				return false;
	}
	for (size_t i = 0; i < all->n; i++)
		if (all->rows[i].role == ROLE_OF_ABOVE && !add(list, set, &all->rows[i], err))
			return false;
	return true;
}

bool
ca_show(struct db *db, const char *base_url, json_t **ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct ca_set set = { .base_url = base_url };
	json_t *list, *by_purpose, *all;

	if (!authority_list(ctx, db, &set.all, err) || !certificate_counts(db, &by_purpose, &all, err))
		return false;
	json_object_set_new(all, "by_purpose", by_purpose);
	list = json_array();
	if (!fill(list, &set, err)) {
		json_decref(list);
		json_decref(all);
		return false;
	}
	*ret = json_pack("{s:o, s:o}", "authorities", list, "certificates", all);
	return true;
}
