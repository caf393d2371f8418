/* What a thread has of the authority: certificates and key handles in its own context of OpenSSL. */
#include "mdm/ca_form.h"
#include "mdm/ca_set.h"
#include <openssl/x509v3.h>

static void
release_hand(struct ca_hand *hand)
{
	X509_free(hand->cert);
	EVP_PKEY_free(hand->key);
}

static void
release(void *made)
{
	struct ca_own *own = made;

	release_hand(&own->ca);
	release_hand(&own->signer);
	release_hand(&own->decrypter);
	for (size_t i = 0; i < own->extensions_n; i++)
		X509_EXTENSION_free(own->extensions[i]);
	for (size_t i = 0; i < 2 * CA_USAGES; i++)
		X509_EXTENSION_free(own->usage[i / CA_USAGES][i % CA_USAGES]);
	talloc_free(own);
}

static bool
open_hand(const struct ca_set *set, const struct authority *row, OSSL_LIB_CTX *lib, struct ca_hand *hand,
	  struct err *err)
{
	return authority_read_cert(row, lib, &hand->cert, err) &&
	       authority_open_key(row, set->sealer, lib, &hand->key, err);
}

static bool
open_other(const struct ca_set *set, const struct authority *row, OSSL_LIB_CTX *lib, const struct ca_hand *ca,
	   struct ca_hand *hand, struct err *err)
{
	if (row != set->ca)
		return open_hand(set, row, lib, hand, err);
	X509_up_ref(ca->cert);
	EVP_PKEY_up_ref(ca->key);
	*hand = *ca;
	return true;
}

static bool
make_usages(struct ca_own *own)
{
	static const char *const words[2][CA_USAGES] = {
		{ "critical,digitalSignature,keyEncipherment", "clientAuth" },
		{ "critical,digitalSignature", "emailProtection" },
	};
	bool ok = true;

	for (size_t i = 0; ok && i < 2 * CA_USAGES; i++) {
		size_t of = i / CA_USAGES, at = i % CA_USAGES;

		own->usage[of][at] = ca_form_extension(own->ca.cert, own->ca.cert, at ? NID_ext_key_usage : NID_key_usage,
						       words[of][at]);
		ok = own->usage[of][at];
	}
	return ok;
}

/* All but the subject's key id, which is each certificate's own. */
static bool
make_extensions(const struct ca_set *set, struct ca_own *own, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	X509 *ca = own->ca.cert;
	X509_EXTENSION *made[] = {
		ca_form_extension(ca, ca, NID_basic_constraints, "critical,CA:FALSE"),
		ca_form_issuer_key(ca),
		ca_form_crl_url(ca_set_crl_url(ctx, set, set->ca->key_id)),
		ca_form_extension(ca, ca, NID_info_access, mem_printf(ctx, "OCSP;URI:%s/ocsp", set->base_url)),
	};
	bool ok = make_usages(own);

	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		ok = ok && made[i];
		own->extensions[own->extensions_n++] = made[i];
	}
	return ok || err_openssl(err, ERR_INTERNAL, "prepare a certificate's extensions");
}

static bool
make(const void *of, OSSL_LIB_CTX *lib, void **ret, struct err *err)
{
	const struct ca_set *set = of;
	struct ca_own *own = mem_new(NULL, struct ca_own);

	if (!open_hand(set, set->ca, lib, &own->ca, err) ||
	    !open_other(set, set->signer, lib, &own->ca, &own->signer, err) ||
	    !open_other(set, set->decrypter, lib, &own->ca, &own->decrypter, err) ||
	    !make_extensions(set, own, err)) {
		release(own);
		return false;
	}
	*ret = own;
	return true;
}

bool
ca_own(const struct ca_set *set, const struct ca_own **ret, struct err *err)
{
	static const struct cms_thread_kind kind = { make, release };
	void *own;

	if (!cms_thread_own(set->id, &kind, set, &own, err))
		return err_at(err, "certificate authority");
	*ret = own;
	return true;
}

/* ---- one key ---- */

struct sealed {
	const struct ca_set *set;
	const struct authority *row;
};

static bool
make_key(const void *of, OSSL_LIB_CTX *lib, void **ret, struct err *err)
{
	const struct sealed *sealed = of;
	EVP_PKEY *key = NULL;

	if (!authority_open_key(sealed->row, sealed->set->sealer, lib, &key, err))
		return false;
	*ret = key;
	return true;
}

static void
release_key(void *made)
{
	EVP_PKEY_free(made);
}

bool
ca_own_key(const struct ca_set *set, const struct authority *row, EVP_PKEY **ret, struct err *err)
{
	static const struct cms_thread_kind kind = { make_key, release_key };
	void *key;

	if (!cms_thread_own(set->keys[row - set->all.rows], &kind, &(struct sealed){ set, row }, &key, err))
		return err_at(err, "certificate authority");
	*ret = key;
	return true;
}
