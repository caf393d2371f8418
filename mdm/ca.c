#include "mdm/ca.h"

const char *ca_purpose_name(enum ca_purpose purpose)
{
	(void)purpose;
	return NULL;
}

bool ca_purpose_read(const char *name, enum ca_purpose *ret)
{
	(void)name;
	(void)ret;
	return false;
}

bool ca_open(TALLOC_CTX *ctx, struct db *db, const struct sealer *sealer, const char *base_url, struct ca **ret, struct err *err)
{
	(void)ctx;
	(void)db;
	(void)sealer;
	(void)base_url;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool ca_issue(TALLOC_CTX *ctx, struct ca *ca, const struct ca_wish *wish, struct certificate **ret, struct err *err)
{
	(void)ctx;
	(void)ca;
	(void)wish;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool ca_scep_certs(TALLOC_CTX *ctx, struct ca *ca, struct bytes *der, bool *single, struct err *err)
{
	(void)ctx;
	(void)ca;
	(void)der;
	(void)single;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

X509 *ca_signer(struct ca *ca)
{
	(void)ca;
	return NULL;
}

EVP_PKEY *ca_signer_key(struct ca *ca)
{
	(void)ca;
	return NULL;
}

X509 *ca_decrypter(struct ca *ca)
{
	(void)ca;
	return NULL;
}

EVP_PKEY *ca_decrypter_key(struct ca *ca)
{
	(void)ca;
	return NULL;
}

X509 *ca_cert(struct ca *ca)
{
	(void)ca;
	return NULL;
}

bool ca_whose(struct ca *ca, X509 *cert, enum ca_whose *ret, struct err *err)
{
	(void)ca;
	(void)cert;
	(void)ret;
	return err_set(err, ERR_INTERNAL, "not here yet");
}

bool ca_crl(TALLOC_CTX *ctx, struct ca *ca, struct bytes *der, struct err *err)
{
	(void)ctx;
	(void)ca;
	(void)der;
	return err_set(err, ERR_INTERNAL, "not here yet");
}
