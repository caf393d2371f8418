/*
 * The conversation with a SCEP server: capabilities, CA, request, and polls while it is PENDING.
 */
#include "tests/device/scep.h"
#include "core/buf.h"
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tests/device/message.h"

#define AGENT "profiled/1.0 CFNetwork/1568.200.51 Darwin/24.1.0"
#define RETRIES 3

/* ---- asking ---- */

/* The payload's URL resolved with "?operation=...": what query it had is gone, as with iOS. */
static const char *
url_of(TALLOC_CTX *ctx, plist_t payload, const char *query)
{
	const char *url = tree_must_text(payload, "URL", "the SCEP payload");

	if (strchr(url, '?') || strchr(url, '#'))
		refuse("the SCEP payload's URL has a query, which iOS replaces: %s", url);
	return mem_printf(ctx, "%s?%s", url, query);
}

static struct http_answer
ask(TALLOC_CTX *ctx, const struct scep_wish *wish, const char *method, const char *query, struct bytes body)
{
	struct http_request request = { .method = method, .url = url_of(ctx, wish->payload, query), .agent = AGENT,
					.type = body.p ? "application/x-pki-message" : NULL, .body = body };
	struct http_answer answer;

	if (!http_send(ctx, wish->conn, &request, &answer))
		refuse("%.20s is not answered: %s", query, answer.type);
	if (answer.status != 200)
		refuse("%.20s is answered %ld", query, answer.status);
	return answer;
}

static struct scep_caps
get_caps(TALLOC_CTX *ctx, const struct scep_wish *wish)
{
	struct http_answer answer = ask(ctx, wish, "GET", "operation=GetCACaps", (struct bytes){ 0 });
	const char *p = answer.body.p, *end = p + answer.body.len;
	struct scep_caps caps = { 0 };
	bool sha1 = false, sha256 = false, sha512 = false;

	if (!answer.body.len)
		refuse("GetCACaps is empty: the network connection was lost");
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((lf ? lf : end) - p);

#define LINE(word) (len == strlen(word) && memcmp(p, word, len) == 0)
		if (len && (p[len - 1] == '\r' || p[len - 1] == ' '))
			refuse("GetCACaps has a line that ends with a blank or CR: %.*s", (int)len, p);
		caps.aes |= LINE("AES");
		caps.des3 |= LINE("DES3");
		caps.post |= LINE("POSTPKIOperation");
		caps.renewal |= LINE("Renewal");
		caps.standard |= LINE("SCEPStandard");
		sha1 |= LINE("SHA-1");
		sha256 |= LINE("SHA-256");
		sha512 |= LINE("SHA-512");
		if (LINE("DES") || LINE("MD5"))
			refuse("GetCACaps lists what RFC 8894 section 2.9 forbids");
#undef LINE
		p += len + 1;
	}
	if (!sha1 && !sha256 && !sha512)
		refuse("GetCACaps names no digest");
	caps.digest = sha512 ? EVP_sha512() : sha256 ? EVP_sha256() : EVP_sha1();
	return caps;
}

/* ---- the CA ---- */

static void
free_certs(STACK_OF(X509) *stack)
{
	sk_X509_pop_free(stack, X509_free);
}

static bool
may(X509 *cert, uint32_t usage)
{
	return (X509_get_extension_flags(cert) & EXFLAG_KUSAGE) && (X509_get_key_usage(cert) & usage);
}

static bool
rsa(X509 *cert)
{
	return EVP_PKEY_get_base_id(X509_get0_pubkey(cert)) == EVP_PKEY_RSA;
}

/* (i) one that only signs and one that enciphers; (ii) else one with both; keyUsage absent counts as neither. */
static struct scep_ca
choose_ra(STACK_OF(X509) *certs)
{
	struct scep_ca ca = { NULL, NULL };
	X509 *both = NULL;

	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);
		bool sign = may(cert, KU_DIGITAL_SIGNATURE), encipher = may(cert, KU_KEY_ENCIPHERMENT);

		if (!rsa(cert))
			continue;
		if (sign && encipher)
			both = cert;
		else if (sign)
			ca.sign = cert;
		else if (encipher)
			ca.encrypt = cert;
	}
	if (!ca.sign || !ca.encrypt)
		ca.sign = ca.encrypt = both;
	if (!ca.sign)
		refuse("SCEP failed to find candidate RA certificates");
	return ca;
}

static void
judge_fingerprint(plist_t payload, STACK_OF(X509) *certs)
{
	struct bytes wanted = tree_data(payload, "CAFingerprint");
	const EVP_MD *md = wanted.len == 16 ? EVP_md5() : wanted.len == 20 ? EVP_sha1() : wanted.len == 28 ? EVP_sha224() :
			   wanted.len == 32 ? EVP_sha256() : wanted.len == 48 ? EVP_sha384() : EVP_sha512();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!wanted.p)
		return;
	for (int i = 0; i < sk_X509_num(certs); i++)
		if (X509_digest(sk_X509_value(certs, i), md, digest, &len) && len == wanted.len &&
		    memcmp(digest, wanted.p, len) == 0)
			return;
	refuse("no certificate of GetCACert has the CAFingerprint of the SCEP payload");
}

static struct scep_ca
get_ca(TALLOC_CTX *ctx, const struct scep_wish *wish)
{
	struct http_answer answer = ask(ctx, wish, "GET", "operation=GetCACert", (struct bytes){ 0 });
	const unsigned char *p = answer.body.p;
	STACK_OF(X509) *certs;

	if (answer.type && strcmp(answer.type, "application/x-x509-ca-cert") == 0) {
		X509 *cert = message_cert(ctx, answer.body, "GetCACert's answer");

		if (!rsa(cert) || !may(cert, KU_DIGITAL_SIGNATURE) || !may(cert, KU_KEY_ENCIPHERMENT))
			refuse("the CA certificate is not RSA with the key usages that SCEP needs");
		certs = hold(ctx, sk_X509_new_null(), free_certs, "no memory");
		X509_up_ref(cert);
		sk_X509_push(certs, cert);
		judge_fingerprint(wish->payload, certs);
		return (struct scep_ca){ cert, cert };
	}
	if (!answer.type || strcmp(answer.type, "application/x-x509-ca-ra-cert") != 0)
		refuse("GetCACert comes as %s", answer.type ? answer.type : "nothing");
	certs = hold(ctx, CMS_get1_certs(hold(ctx, d2i_CMS_ContentInfo(NULL, &p, (long)answer.body.len),
					      CMS_ContentInfo_free, "GetCACert's answer is no CMS message")),
		     free_certs, "GetCACert brings no certificates");
	judge_fingerprint(wish->payload, certs);
	return choose_ra(certs);
}

/* ---- the operation ---- */

static struct bytes
operate(TALLOC_CTX *ctx, const struct scep_wish *wish, bool post, struct bytes message)
{
	struct http_answer answer;
	struct buf base64, query;

	if (post) {
		answer = ask(ctx, wish, "POST", "operation=PKIOperation", message);
	} else {
		buf_init(&base64, ctx, 1u << 20);
		buf_base64(&base64, message.p, message.len);
		buf_init(&query, ctx, 1u << 20);
		buf_text(&query, "operation=PKIOperation&message=");
		buf_url(&query, base64.p, base64.len);
		answer = ask(ctx, wish, "GET", query.p, (struct bytes){ 0 });
	}
	if (!answer.type || strcmp(answer.type, "application/x-pki-message") != 0)
		refuse("PKIOperation is answered as %s", answer.type ? answer.type : "nothing");
	return answer.body;
}

X509 *
scep_enroll(TALLOC_CTX *ctx, const struct scep_wish *wish)
{
	struct scep_caps caps = get_caps(ctx, wish);
	struct scep_ca ca = get_ca(ctx, wish);
	int64_t retries = wish->retries_max >= 0 ? wish->retries_max : tree_int(wish->payload, "Retries", RETRIES);
	struct scep_request request = {
		.type = "19", .transaction = scep_transaction(ctx, wish->key),
		.signer = wish->old ? wish->old : scep_throwaway(ctx, wish->key),
		.signer_key = wish->old ? wish->old_key : wish->key, .key = wish->key, .md = caps.digest,
		.cipher = caps.aes && !wish->des3 ? EVP_aes_128_cbc() : EVP_des_ede3_cbc(), .outside = wish->outside,
	};
	bool post = caps.post && !wish->get;
	X509 *cert = scep_read(ctx, &request, &ca, operate(ctx, wish, post,
		scep_message(ctx, &request, &ca, scep_csr(ctx, wish->payload, wish->key))));

	/* The first retry at once, as iOS does. */
	for (int64_t i = 0; !cert && i < retries; i++) {
		if (i > 0)
			sleep((unsigned)tree_int(wish->payload, "RetryDelay", 10));
		request.type = "20";
		cert = scep_read(ctx, &request, &ca, operate(ctx, wish, post,
			scep_message(ctx, &request, &ca, scep_poll_content(ctx, &ca, wish->payload))));
	}
	if (!cert)
		refuse("the SCEP request is still pending after %ld polls", (long)retries);
	return cert;
}
