/*
 * The CA of a private installation and how to trust it: for anyone, also on plain HTTP, since a phone
 * that does not trust us yet cannot come by HTTPS.
 */
#include "core/clock.h"
#include "core/x509.h"
#include "web/rooms.h"
#include <ctype.h>
#include <string.h>

#define MOBILECONFIG_MAX (64u << 10)

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

/* A stable identifier of two payloads, so that installing it again replaces it. */
static const char *
uuid_of(TALLOC_CTX *ctx, const char *sha256, const char *last)
{
	return mem_printf(ctx, "%.8s-%.4s-4%.3s-8%.3s-%.10s%s", sha256, sha256 + 8, sha256 + 13, sha256 + 17,
			  sha256 + 20, last);
}

/* developer.apple.com/documentation/devicemanagement/certificateroot */
static bool
get_mobileconfig(struct req *req, struct reply *reply, struct err *err)
{
	X509 *ca SCOPED(x509) = NULL;
	char sha256[X509_FINGERPRINT_SIZE];
	unsigned char *der = NULL;
	const char *name, *company = site_company(req);
	struct buf out;
	int len;

	if (!read_ca(req, &ca, err))
		return false;
	if ((len = i2d_X509(ca, &der)) <= 0)
		return err_openssl(err, ERR_INTERNAL, "encode the CA");
	x509_sha256(ca, sha256);
	name = x509_subject_cn(req, ca);
	buf_init(&out, req, MOBILECONFIG_MAX);
	buf_text(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
		 "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict>\n"
		 "<key>PayloadContent</key><array><dict>\n<key>PayloadCertificateFileName</key><string>ca.cer</string>\n"
		 "<key>PayloadContent</key><data>");
	buf_base64(&out, der, (size_t)len);
	OPENSSL_free(der);
	buf_addf(&out, "</data>\n<key>PayloadType</key><string>com.apple.security.root</string>\n"
		 "<key>PayloadVersion</key><integer>1</integer>\n<key>PayloadIdentifier</key>"
		 "<string>pomona.trust.ca</string>\n<key>PayloadUUID</key><string>%s</string>\n"
		 "<key>PayloadDisplayName</key><string>", uuid_of(req, sha256, "01"));
	buf_xml(&out, name, strlen(name));
	buf_text(&out, "</string>\n</dict></array>\n<key>PayloadDisplayName</key><string>");
	buf_xml(&out, company, strlen(company));
	buf_addf(&out, "</string>\n<key>PayloadOrganization</key><string>");
	buf_xml(&out, company, strlen(company));
	buf_addf(&out, "</string>\n<key>PayloadType</key><string>Configuration</string>\n"
		 "<key>PayloadVersion</key><integer>1</integer>\n<key>PayloadIdentifier</key>"
		 "<string>pomona.trust</string>\n<key>PayloadUUID</key><string>%s</string>\n</dict></plist>\n",
		 uuid_of(req, sha256, "00"));
	if (!buf_ok(&out, err))
		return false;
	reply_header(reply, "Content-Disposition", "attachment; filename=\"ca.mobileconfig\"");
	return reply_bytes(reply, 200, "application/x-apple-aspen-config", (struct bytes){ out.p, out.len });
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
