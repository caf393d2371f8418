#include "web/clientcert.h"
#include "core/asn1.h"
#include "core/num.h"
#include "web/fields.h"
#include "web/site.h"
#include <string.h>

#define PEM_BEGIN	"-----BEGIN CERTIFICATE-----"
#define PEM_END		"-----END CERTIFICATE-----"
#define BASE64		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

static bool
bad(struct err *err, const char *why)
{
	return err_set(err, ERR_MALFORMED, "the client certificate of a proxy: %s", why);
}

/* Standard base64 with its padding, and nothing else (RFC 8941 section 3.3.5). */
static bool
read_base64(TALLOC_CTX *ctx, const char *text, size_t len, struct bytes *der, struct err *err)
{
	size_t n = len;

	while (n && len - n < 2 && text[n - 1] == '=')
		n--;
	if (!len || len % 4 || strspn(text, BASE64) < n || !num_unbase64(ctx, text, len, der))
		return bad(err, "no base64");
	return true;
}

/* ":MIIB...:" */
static bool
read_field(TALLOC_CTX *ctx, const char *text, struct bytes *der, struct err *err)
{
	size_t len = strlen(text);

	if (len < 2 || text[len - 1] != ':')
		return bad(err, "no byte sequence of RFC 8941");
	return read_base64(ctx, text + 1, len - 2, der, err);
}

/* "-----BEGIN%20CERTIFICATE-----%0AMIIB...": one certificate; a chain is not looked at by anybody. */
static bool
read_pem(TALLOC_CTX *ctx, const char *text, struct bytes *der, struct err *err)
{
	size_t len = strlen(text), n = 0;
	char *plain = mem_size(ctx, len + 1), *to, *end;

	if (!fields_unescape(plain, text, len, false, &len) || strncmp(plain, PEM_BEGIN, strlen(PEM_BEGIN)) != 0 ||
	    !(end = strstr(plain, PEM_END)))
		return bad(err, "neither a byte sequence nor one escaped PEM certificate");
	if (end[strlen(PEM_END) + strspn(end + strlen(PEM_END), "\r\n\t ")])
		return bad(err, "more than one certificate");
	to = plain + strlen(PEM_BEGIN);
	for (char *c = to; c < end; c++)
		if (!strchr("\r\n\t ", *c))
			to[n++] = *c;
	to[n] = '\0';
	return read_base64(ctx, to, n, der, err);
}

/*
 * { SEQUENCE, SEQUENCE, BIT STRING }, RFC 5280 section 4.1, and no more is looked at: OpenSSL takes longer to
 * decode its key than all else that is done for a device, and mostly its row tells everything.
 */
static bool
take(struct bytes der, struct client_cert *ret, struct err *err)
{
	struct asn1 cert, part;
	struct bytes rest = der;
	size_t len = 0;

	if (der.len > CLIENTCERT_DER_MAX)
		return bad(err, "too long");
	if (!asn1_gate(der, &len, err) || len != der.len || !asn1_next(&rest, &cert) || cert.tag != ASN1_TAG_SEQUENCE ||
	    !asn1_next(&cert.content, &part) || part.tag != ASN1_TAG_SEQUENCE ||
	    !asn1_next(&cert.content, &part) || part.tag != ASN1_TAG_SEQUENCE ||
	    !asn1_next(&cert.content, &part) || part.tag != ASN1_TAG_BIT_STRING || cert.content.len)
		return bad(err, "no X.509 certificate");
	x509_der_sha256(der, ret->sha256);
	ret->der = der;
	return true;
}

bool
clientcert_read(TALLOC_CTX *ctx, const char *text, struct client_cert *ret, struct err *err)
{
	struct bytes der = { 0 };

	if (strlen(text) > CLIENTCERT_TEXT_MAX)
		return bad(err, "too long");
	if (!(*text == ':' ? read_field(ctx, text, &der, err) : read_pem(ctx, text, &der, err)))
		return false;
	return take(der, ret, err);
}

bool
clientcert_of(struct req *req, struct client_cert *ret, struct err *err)
{
	const char *name = site_conf(req->site)->server_client_cert_header;
	struct bytes der;

	*ret = (struct client_cert){ .sha256 = "" };
	if (req_client_cert(req, &der))
		return take(der, ret, err);
	if (!*name || !req_has_header(req, name) || !req->proxied)	/* session_admit has noted a spoof */
		return true;
	if (!req_header(req, name))
		return bad(err, "it came twice");
	/* A proxy that has none may send the header empty. */
	return !*req_header(req, name) || clientcert_read(req, req_header(req, name), ret, err);
}
