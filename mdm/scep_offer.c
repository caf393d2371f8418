#include "mdm/scep_offer.h"
#include "core/file.h"
#include <string.h>

#define CA_FILE_MAX	(1u << 20)

static bool
fingerprint(TALLOC_CTX *ctx, X509 *cert, struct bytes *ret, struct err *err)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!cert || !X509_digest(cert, EVP_sha256(), digest, &len))
		return err_openssl(err, ERR_INTERNAL, "hash the CA's certificate");
	*ret = (struct bytes){ mem_copy(ctx, digest, len), len };
	return true;
}

/* Its first certificate is the CA's own. */
static bool
read_outside(TALLOC_CTX *ctx, const struct conf *conf, struct bytes *ret, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	struct bytes pem;

	if (!*conf->scep_external_ca_file)
		return true;
	return (file_read(ctx, conf->scep_external_ca_file, CA_FILE_MAX, &pem, err) &&
		x509_read_pem(pem, &certs, err) && fingerprint(ctx, sk_X509_value(certs, 0), ret, err)) ||
	       err_at(err, "scep.external_ca_file");
}

bool
scep_servers_read(TALLOC_CTX *ctx, const struct conf *conf, struct ca *ca, const char *base_url,
		  struct scep_servers *ret, struct err *err)
{
	struct scep_servers servers = {
		.base_url = base_url, .challenge_s = conf->scep_challenge_minutes * 60,
		.outside_url = conf->scep_external_url, .outside_name = conf->scep_external_name,
		.outside_challenge = conf->scep_external_challenge,
	};

	if (*servers.outside_url && strchr(servers.outside_url, '?'))
		return err_set(err, ERR_INVALID, "scep.external_url has a query, which devices replace");
	if (!fingerprint(ctx, ca_cert(ca), &servers.ca_sha256, err) ||
	    (*servers.outside_url && !read_outside(ctx, conf, &servers.outside_ca_sha256, err)))
		return false;
	*ret = servers;
	return true;
}

bool
scep_offer_new(TALLOC_CTX *ctx, struct db *tx, const struct scep_servers *servers, const char *token,
	       const struct challenge_wish *wish, struct scep_offer *ret, struct err *err)
{
	struct scep_offer offer = { .name = "", .subject = mem_text(ctx, wish->subject), .key_size = SCEP_KEY_SIZE };
	struct challenge_wish lasting = *wish;
	char *challenge;

	if (!lasting.ttl_s)
		lasting.ttl_s = servers->challenge_s;
	if (*servers->outside_url && wish->purpose == CA_MDM) {
		offer.outside = true;
		offer.url = mem_text(ctx, servers->outside_url);
		offer.name = mem_text(ctx, servers->outside_name);
		offer.challenge = mem_text(ctx, servers->outside_challenge);
		offer.ca_sha256 = servers->outside_ca_sha256;
		*ret = offer;
		return true;
	}
	if (!challenge_new(tx, ctx, &lasting, &challenge, err))
		return false;
	offer.url = token ? mem_printf(ctx, "%s/scep/%s", servers->base_url, token) :
			    mem_printf(ctx, "%s/scep", servers->base_url);
	offer.challenge = challenge;
	offer.ca_sha256 = servers->ca_sha256;
	*ret = offer;
	return true;
}
