/* How things stand before an authority is made, and keeping what was made. */
#include "core/audit.h"
#include "core/clock.h"
#include "mdm/ca_make.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

bool
ca_make_look(struct db *db, struct ca_make_wish *wish, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct authorities all;

	if (!authority_list(ctx, db, &all, err))
		return false;
	wish->before = 0;
	wish->first_key = true;
	for (size_t i = 0; i < all.n; i++)
		if (all.rows[i].role == ROLE_OF_CA) {
			wish->before++;
			wish->first_key = wish->first_key && !all.rows[i].sealed_key.len;
		}
	if (all.n + CA_MADE_MAX > AUTHORITIES_MAX)
		return err_set(err, ERR_LIMIT, "there were too many certificate authorities");
	return true;
}

/* ---- what stands above the CA in use ---- */

static const struct authority *
in_use(const struct authorities *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->rows[i].role == ROLE_OF_CA && !all->rows[i].retired && !all->rows[i].staged)
			return &all->rows[i];
	return NULL;
}

static bool
is_above(const struct authority *row, X509 *ca, bool *ret, struct err *err)
{
	SCOPED(x509) X509 *above = NULL;

	if (!authority_read_cert(row, NULL, &above, err))
		return false;
	*ret = X509_check_issued(above, ca) == X509_V_OK && X509_verify(ca, X509_get0_pubkey(above)) == 1;
	ERR_clear_error();
	return true;
}

bool
ca_make_above(TALLOC_CTX *ctx, struct db *db, struct bytes *pem, struct err *err)
{
	void *tmp SCOPED(mem) = talloc_new(NULL);
	SCOPED(x509) X509 *ca = NULL;
	const struct authority *row;
	struct authorities all, one;
	char *text;

	*pem = (struct bytes){ 0 };
	if (!authority_list(tmp, db, &all, err))
		return false;
	row = in_use(&all);
	if (!row)
		return err_code(err, ERR_MISSING, "no_ca", "there is no certificate authority; `pomona ca make` makes one");
	if (!authority_read_cert(row, NULL, &ca, err))
		return false;
	for (size_t i = 0; i < all.n; i++) {
		bool above = false;

		if (all.rows[i].role == ROLE_OF_ABOVE && !is_above(&all.rows[i], ca, &above, err))
			return false;
		if (!above)
			continue;
		one = (struct authorities){ &all.rows[i], 1 };
		if (!authorities_pem(ctx, &one, &text, err))
			return false;
		*pem = (struct bytes){ text, strlen(text) };
	}
	return true;
}

/* ---- keeping ---- */

struct keeping {
	const char *actor, *act;
	const struct ca_make_wish *wish;
	const struct ca_made *made;
};

static bool
known(const struct authorities *all, const struct authority *row)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->rows[i].sha256, row->sha256) == 0)
			return true;
	return false;
}

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	const struct keeping *k = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct ca_make_wish now = *k->wish;
	struct authorities all;

	if (!ca_make_look(tx, &now, err) || !authority_list(ctx, tx, &all, err))
		return false;
	if (now.before != k->wish->before)
		return err_set(err, ERR_CONFLICT, "somebody else has just made a certificate authority");
	for (size_t i = 0; k->made->staged && i < all.n; i++)
		if (all.rows[i].staged && !all.rows[i].retired)
			return err_set(err, ERR_CONFLICT, "a next CA is staged already; `pomona ca switch` lets it take over");
	if (!k->made->staged && !authority_retire_all(tx, clock_now(), err))
		return false;
	for (size_t i = 0; i < k->made->n; i++) {
		struct authority *row = k->made->rows[i];

		row->staged = k->made->staged && row->role != ROLE_OF_ABOVE;

		if (known(&all, row)) {
			if (row->role == ROLE_OF_ABOVE)
				continue;	/* the same root as before */
			return err_set(err, ERR_CONFLICT, "this certificate authority is here already");
		}
		if (!authority_keep(tx, row, err))
			return false;
		if (row->role == ROLE_OF_CA &&
		    !audit_add(tx, k->actor, k->act, row->sha256, mem_printf(ctx, "key %s", row->key_id), err))
			return false;
	}
	return true;
}

bool
ca_make_keep(struct db *db, const char *actor, const char *act, const struct ca_make_wish *wish,
	     const struct ca_made *made, struct err *err)
{
	struct keeping k = { actor, act, wish, made };

	return db_tx(db, tx_keep, &k, err);
}

static bool
tx_switch(struct db *tx, void *actor, struct err *err)
{
	bool any;

	if (!authority_take_over(tx, clock_now(), &any, err))
		return false;
	if (!any)
		return err_set(err, ERR_MISSING, "no next CA is staged; `pomona ca renew --stage` makes one");
	return audit_add(tx, actor, "ca.switch", "", NULL, err);
}

bool
ca_make_switch(struct db *db, const char *actor, struct err *err)
{
	return db_tx(db, tx_switch, (void *)(uintptr_t)actor, err);
}
