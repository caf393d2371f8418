/*
 * The CA that is to come.  It is believed of devices and exported to proxies as soon as it is staged, and issues
 * nothing until `pomona ca switch`: so whoever has to trust it has time to.
 */
#include "mdm/ca.h"
#include "mdm/ca_set.h"
#include "mdm/cms.h"
#include <openssl/cms.h>
#include <string.h>

bool
ca_next_staged(struct ca *ca)
{
	const struct ca_set *set = ca_set_now(ca);

	return set->ca && set->next;
}

/* The next CA, its RAs, and what stands above it. */
static bool
is_of_next(const struct ca_set *set, const struct authority *row)
{
	return row == set->next || (row->staged && !row->retired && row->under && strcmp(row->under, set->next->id) == 0);
}

static bool
degenerate(TALLOC_CTX *ctx, const struct ca_set *set, struct bytes *ret, struct err *err)
{
	SCOPED(cms) CMS_ContentInfo *cms = CMS_ContentInfo_new();
	unsigned char *der = NULL;
	bool ok = cms && CMS_SignedData_init(cms);
	int len;

	for (size_t i = 0; ok && i < set->all.n; i++) {
		SCOPED(x509) X509 *cert = NULL;

		if (!is_of_next(set, &set->all.rows[i]))
			continue;
		if (!authority_read_cert(&set->all.rows[i], NULL, &cert, err))
			return false;
		ok = CMS_add1_cert(cms, cert);
	}
	len = ok ? i2d_CMS_ContentInfo(cms, &der) : -1;
	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "put the next authority's certificates together");
	*ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}

bool
ca_scep_next(TALLOC_CTX *ctx, struct ca *ca, struct bytes *ret, struct err *err)
{
	const unsigned flags = CMS_BINARY | CMS_NOSMIMECAP;
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	SCOPED(bio) BIO *in = NULL;
	const struct ca_set *set = NULL;
	const struct ca_own *own;
	unsigned char *der = NULL;
	struct bytes content = { 0 };
	int len;

	if (!ca_set_ready(ca, &set, err))
		return false;
	if (!set->next)
		return err_set(err, ERR_MISSING, "no next CA is staged");
	if (!ca_own(set, &own, err) || !degenerate(ctx, set, &content, err))
		return false;
	in = BIO_new_mem_buf(content.p, (int)content.len);
	cms = CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_PARTIAL);
	len = in && cms && CMS_add1_signer(cms, own->ca.cert, own->ca.key, EVP_sha256(), flags) &&
	      CMS_final(cms, in, NULL, flags) == 1 ? i2d_CMS_ContentInfo(cms, &der) : -1;
	if (len <= 0)
		return err_openssl(err, ERR_INTERNAL, "sign the next authority's certificates");
	*ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}
