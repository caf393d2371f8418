/*
 * The CA of a private installation and how to trust it: for anyone, also on plain HTTP, since a phone
 * that does not trust us yet cannot come by HTTPS.
 */
#include "core/clock.h"
#include "core/x509.h"
#include "mdm/mobileconfig.h"
#include "mdm/payload.h"
#include "web/rooms.h"
#include <ctype.h>
#include <string.h>

static bool
read_ca(struct req *req, X509 **ret, struct err *err)
{
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;

	if (!req->site->ca_pem.len)
		return err_set(err, ERR_MISSING, "no CA of our own");
	if (!x509_read_pem(req->site->ca_pem, &certs, err))
		return false;
	*ret = sk_X509_shift(certs);
	return true;
}

/* "A1 B2 ...", as Settings shows it. */
static const char *
pairs(TALLOC_CTX *ctx, const char *hex)
{
	char *text = mem_size(ctx, strlen(hex) * 2), *to = text;

	for (size_t i = 0; hex[i]; i++) {
		if (i && i % 2 == 0)
			*to++ = ' ';
		*to++ = (char)toupper((unsigned char)hex[i]);
	}
	*to = '\0';
	return text;
}

static bool
get_trust(struct req *req, struct reply *reply, struct err *err)
{
	const char *host = strstr(req->site->base_url, "://");
	X509 *ca SCOPED(x509) = NULL;
	char sha256[X509_FINGERPRINT_SIZE];
	time_t until = 0;
	json_t *data;

	host = host ? host + 3 : req->site->base_url;
	if (!req->site->ca_pem.len)
		return reply_page(reply, req, "trust", json_pack("{s:b, s:s, s:s, s:s, s:s, s:n, s:s}", "needed", 0,
			"download_url", "", "organization", "", "ca_name", "", "sha256", "", "valid_until", "host", host), err);
	if (!read_ca(req, &ca, err))
		return false;
	x509_expires(ca, &until);
	data = json_pack("{s:b, s:s, s:s, s:s, s:s, s:o, s:s}", "needed", 1,
		"download_url", "/trust/ca.mobileconfig", "organization", site_company(req),
		"ca_name", x509_subject_cn(req, ca), "sha256", pairs(req, x509_sha256(ca, sha256)),
		"valid_until", page_date(req->language, until), "host", host);
	json_object_set_new(data, "base_url", json_string(req->site->base_url));
	return reply_page(reply, req, "trust", data, err);
}

static bool
get_mobileconfig(struct req *req, struct reply *reply, struct err *err)
{
	const char *company = site_company(req);
	struct mobileconfig m = { "pomona.trust", company, NULL, company };
	X509 *ca SCOPED(x509) = NULL;
	unsigned char *encoded = NULL;
	struct payload root;
	struct bytes der;
	struct buf out;
	int len;

	if (!read_ca(req, &ca, err))
		return false;
	if ((len = i2d_X509(ca, &encoded)) <= 0)
		return err_openssl(err, ERR_INTERNAL, "encode the CA");
	der = (struct bytes){ mem_copy(req, encoded, (size_t)len), (size_t)len };
	OPENSSL_free(encoded);
	root = (struct payload){ PAYLOAD_ROOT, "pomona.trust.ca", x509_subject_cn(req, ca), payload_root_write, &der };
	buf_init(&out, req, MOBILECONFIG_MAX);
	if (!mobileconfig_write(&m, &root, 1, &out, err))
		return false;
	/* unsigned: a phone that does not trust this CA would not trust its signature either */
	reply_header(reply, "Content-Disposition", "attachment; filename=\"ca.mobileconfig\"");
	return reply_bytes(reply, 200, MOBILECONFIG_TYPE, (struct bytes){ out.p, out.len });
}

static bool
get_pem(struct req *req, struct reply *reply, struct err *err)
{
	if (!req->site->ca_pem.len)
		return err_set(err, ERR_MISSING, "no CA of our own");
	return reply_bytes(reply, 200, "application/x-pem-file", req->site->ca_pem);
}

const struct route trust_routes[] = {
	{ GET, "/trust",                 WHO_ANYONE, "0", ON_WORKER, get_trust,        NULL, NULL, "The CA of this installation and how to trust it" },
	{ GET, "/trust/ca.mobileconfig", WHO_ANYONE, "0", ON_WORKER, get_mobileconfig, NULL, NULL, "The CA for an iPhone" },
	{ GET, "/trust/ca.pem",          WHO_ANYONE, "0", ON_IO,     get_pem,          NULL, NULL, "The CA for curl and browsers" },
	{ 0 }
};
