/*
 * A provision is CMS SignedData (RFC 5652) with its content inside.
 *
 * A chain to Apple's root is not enough: every developer's certificate has one, and a developer could
 * sign a provision with it.  Devices ask for the signer's name, which Apple gives to nobody else, and
 * so do we.  Before OpenSSL sees anything the shape of the ASN.1 is judged, and how many digests and
 * signatures it asks for: OpenSSL would hash the content once for each of thousands.
 */
#include "ipa/provision_cms.h"
#include "core/asn1.h"
#include "ipa/apple_roots.h"
#include <openssl/err.h>
#include <string.h>

static const char *const apple_signers[] = {
	"Apple iPhone OS Provisioning Profile Signing",	/* iOS, tvOS, watchOS, visionOS */
	"Mac OS X Provisioning Profile Signing",
};

struct provision_roots {
	X509_STORE *apple, *test;	/* test: NULL when there are none */
};

static int
release_roots(struct provision_roots *roots)
{
	X509_STORE_free(roots->apple);
	X509_STORE_free(roots->test);
	return 0;
}

/* An expired signer still proves who made it: no time check. */
static bool
new_store(const STACK_OF(X509) *certs, X509_STORE **ret, struct err *err)
{
	SCOPED(x509_store) X509_STORE *store = X509_STORE_new();
	bool ok = store && X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME) &&
		  X509_STORE_set_purpose(store, X509_PURPOSE_ANY);

	for (int i = 0; ok && i < sk_X509_num(certs); i++)
		ok = X509_STORE_add_cert(store, sk_X509_value(certs, i));
	if (!ok)
		return err_openssl(err, ERR_INTERNAL, "set up trust anchors");
	*ret = store;
	store = NULL;
	return true;
}

bool
provision_roots_open(TALLOC_CTX *ctx, struct bytes extra_pem, struct provision_roots **ret, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *apple = NULL, *test = NULL;
	struct provision_roots *roots = mem_new(ctx, struct provision_roots);

	talloc_set_destructor(roots, release_roots);
	if (!apple_roots_read(&apple, err) || !new_store(apple, &roots->apple, err)) {
		talloc_free(roots);
		return false;
	}
	if (extra_pem.len > 0 &&
	    (!x509_read_pem(extra_pem, &test, err) || !new_store(test, &roots->test, err))) {
		talloc_free(roots);
		return err_at(err, "extra provision roots");
	}
	*ret = roots;
	return true;
}

static size_t
count_elements(struct bytes list)
{
	struct asn1 element;
	size_t count = 0;

	while (count <= PROVISION_SIGNERS_MAX && asn1_next(&list, &element))
		count++;
	return count;
}

/* SignedData asks for few digests and signatures: ContentInfo { OID, [0] { SignedData } }. */
static bool
is_modest(struct bytes cms)
{
	struct asn1 element, signed_data;
	size_t digests = SIZE_MAX, signers = 0;

	if (!asn1_next(&cms, &element) || element.tag != ASN1_TAG_SEQUENCE)
		return false;
	cms = element.content;
	if (!asn1_next(&cms, &element) || element.tag != ASN1_TAG_OID || !asn1_next(&cms, &element) ||
	    element.tag != ASN1_TAG_CONTEXT_0 || !asn1_next(&element.content, &signed_data) ||
	    signed_data.tag != ASN1_TAG_SEQUENCE)
		return false;
	/* the first SET holds digests, the last one signatures */
	while (asn1_next(&signed_data.content, &element))
		if (element.tag == ASN1_TAG_SET) {
			signers = count_elements(element.content);
			digests = digests == SIZE_MAX ? signers : digests;
		}
	return digests <= PROVISION_SIGNERS_MAX && signers >= 1 && signers <= PROVISION_SIGNERS_MAX;
}

static bool
has_chain(X509_STORE *store, X509 *signer, STACK_OF(X509) *certs)
{
	X509_STORE_CTX *check = X509_STORE_CTX_new();
	bool ok = check && X509_STORE_CTX_init(check, store, signer, certs) && X509_verify_cert(check) == 1;

	X509_STORE_CTX_free(check);
	ERR_clear_error();
	return ok;
}

static bool
is_apple_signer(X509 *signer)
{
	SCOPED(mem) char *name = x509_subject_cn(NULL, signer);

	for (size_t i = 0; i < sizeof apple_signers / sizeof *apple_signers; i++)
		if (strcmp(name, apple_signers[i]) == 0)
			return true;
	return false;
}

/* The least that holds for every signer. */
static enum provision_signature
judge_signers(STACK_OF(X509) *signers, STACK_OF(X509) *certs, const struct provision_roots *roots)
{
	bool apple = sk_X509_num(signers) > 0, test = apple && roots->test;

	for (int i = 0; i < sk_X509_num(signers); i++) {
		X509 *signer = sk_X509_value(signers, i);

		apple = apple && is_apple_signer(signer) && has_chain(roots->apple, signer, certs);
		test = test && has_chain(roots->test, signer, certs);
	}
	return apple ? PROVISION_APPLE : test ? PROVISION_OTHER_TEST : PROVISION_OTHER;
}

static enum provision_signature
judge(CMS_ContentInfo *cms, const struct provision_roots *roots)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = CMS_get1_certs(cms);
	enum provision_signature signature = PROVISION_INVALID;

	if (sk_X509_num(certs) <= PROVISION_CHAIN_MAX &&
	    CMS_verify(cms, NULL, NULL, NULL, NULL, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) == 1) {
		STACK_OF(X509) *signers = CMS_get0_signers(cms);	/* of them only the stack is ours */

		signature = judge_signers(signers, certs, roots);
		sk_X509_free(signers);
	}
	ERR_clear_error();
	return signature;
}

static bool
unwrap_cms(TALLOC_CTX *ctx, struct bytes bytes, const struct provision_roots *roots, struct bytes *plist,
	   enum provision_signature *signature, struct err *err)
{
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	const unsigned char *p = bytes.p;
	ASN1_OCTET_STRING **content;

	if (!asn1_gate(bytes, &bytes.len, err) || !is_modest(bytes))
		return err_set(err, ERR_INVALID, "not a provisioning profile");
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)bytes.len);
	if (!cms || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		return err_openssl(err, ERR_INVALID, "not a provisioning profile");
	content = CMS_get0_content(cms);
	if (!content || !*content)
		return err_openssl(err, ERR_INVALID, "its signature encloses nothing");
	plist->len = (size_t)ASN1_STRING_length(*content);
	plist->p = mem_copy(ctx, ASN1_STRING_get0_data(*content), plist->len);
	*signature = judge(cms, roots);
	return true;
}

bool
provision_unwrap(TALLOC_CTX *ctx, struct bytes bytes, const struct provision_roots *roots,
		 struct bytes *plist, enum provision_signature *signature, struct err *err)
{
	const uint8_t *p = bytes.p;

	if (bytes.len > PROVISION_BYTES_MAX)
		return err_set(err, ERR_INVALID, "a provisioning profile of %zu bytes is too large",
			       bytes.len);
	if (bytes.len > 0 && p[0] == ASN1_TAG_SEQUENCE)
		return unwrap_cms(ctx, bytes, roots, plist, signature, err);
	*plist = bytes;
	*signature = PROVISION_UNSIGNED;
	return true;
}

/* The only signer's certificate; the stack's certificates stay its own. */
static X509 *
signer_among(CMS_ContentInfo *cms, STACK_OF(X509) *certs)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

	if (sk_CMS_SignerInfo_num(signers) != 1 || sk_X509_num(certs) > PROVISION_CHAIN_MAX)
		return NULL;
	for (int i = 0; i < sk_X509_num(certs); i++)
		if (CMS_SignerInfo_cert_cmp(sk_CMS_SignerInfo_value(signers, 0), sk_X509_value(certs, i)) == 0)
			return sk_X509_value(certs, i);
	return NULL;
}

bool
provision_signer(struct bytes bytes, X509 **ret)
{
	SCOPED(cms) CMS_ContentInfo *cms = NULL;
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	const unsigned char *p = bytes.p;
	struct err none;
	X509 *found = NULL;

	if (!bytes.len || !asn1_gate(bytes, &bytes.len, &none) || !is_modest(bytes))
		return false;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)bytes.len);
	if (cms && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed) {
		certs = CMS_get1_certs(cms);
		found = signer_among(cms, certs);
	}
	ERR_clear_error();
	if (!found || X509_up_ref(found) != 1)
		return false;
	*ret = found;
	return true;
}
