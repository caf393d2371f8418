#include "mdm/ca_make.h"
#include "core/clock.h"
#include "core/secret.h"
#include "core/text.h"
#include "mdm/ca.h"
#include "mdm/ca_form.h"
#include "mdm/ca_key.h"
#include "mdm/public_key.h"
#include "mdm/subject.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define NAME_MAX_BYTES	40	/* so that a common name stays below its 64 characters */

/* What each kind of certificate says of itself. */
struct form {
	const char *role, *constraints, *usage;
	int days, bits;
};

static const struct form single_form = { "device CA", "critical,CA:TRUE,pathlen:0",
	"critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign", CA_MAKE_DAYS, CA_MAKE_BITS };
static const struct form root_form = { "device root", "critical,CA:TRUE,pathlen:1",
	"critical,keyCertSign,cRLSign", CA_MAKE_ROOT_DAYS, CA_MAKE_ROOT_BITS };
static const struct form issuing_form = { "device CA", "critical,CA:TRUE,pathlen:0",
	"critical,keyCertSign,cRLSign", CA_MAKE_DAYS, CA_MAKE_BITS };
static const struct form sign_form = { "SCEP RA (signs)", "critical,CA:FALSE",
	"critical,digitalSignature", CA_MAKE_DAYS, CA_MAKE_BITS };
static const struct form decrypt_form = { "SCEP RA (decrypts)", "critical,CA:FALSE",
	"critical,keyEncipherment", CA_MAKE_DAYS, CA_MAKE_BITS };

struct pair {
	X509 *cert;
	EVP_PKEY *key;
};

static int
release_pair(struct pair *pair)
{
	X509_free(pair->cert);
	EVP_PKEY_free(pair->key);
	return 0;
}

static struct pair *
new_pair(TALLOC_CTX *ctx)
{
	struct pair *pair = mem_new(ctx, struct pair);

	talloc_set_destructor(pair, release_pair);
	return pair;
}

/* ---- one certificate ---- */

/* Names differ, also where keys do: some programs choose a CRL or a CA by its name alone. */
static X509_NAME *
name_of(const struct ca_make_wish *wish, const struct form *form)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *company = text_cut(ctx, wish->name, NAME_MAX_BYTES);
	const char *common = wish->before ? mem_printf(ctx, "%s %s %d", company, form->role, wish->before + 1)
					  : mem_printf(ctx, "%s %s", company, form->role);
	X509_NAME *name = X509_NAME_new();

	if (name && X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8, (const unsigned char *)company,
					       -1, -1, 0) &&
	    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)common, -1, -1, 0))
		return name;
	X509_NAME_free(name);
	return NULL;
}

static bool
end_of(X509 *issuer, int64_t wanted, int64_t *ret)
{
	time_t ends;

	if (issuer && !x509_expires(issuer, &ends))
		return false;
	*ret = issuer && ends < wanted ? ends : wanted;
	return true;
}

/* `above` NULL: signs itself.  `crl_url` NULL: says nothing of a CRL. */
static bool
make_pair(TALLOC_CTX *ctx, const struct ca_make_wish *wish, const struct form *form, const struct pair *above,
	  const char *crl_url, struct pair **ret, struct err *err)
{
	struct pair *pair = new_pair(ctx);
	const struct pair *issuer = above ? above : pair;
	SCOPED(x509_name) X509_NAME *name = name_of(wish, form);
	int64_t now = clock_now(), until;
	struct bytes rsa;

	pair->cert = X509_new();
	pair->key = EVP_RSA_gen((unsigned)form->bits);
	if (!name || !pair->cert || !pair->key ||
	    !end_of(above ? above->cert : NULL, now + (int64_t)form->days * DAY_S, &until))
		return err_openssl(err, ERR_INTERNAL, "make a key for %s", form->role);
	if (!public_key_rsa(pair, pair->key, &rsa, err))
		return false;
	if (!ca_form_basics(pair->cert, name, above ? X509_get_subject_name(above->cert) : name, now - CA_SKEW_S, until) ||
	    !X509_set_pubkey(pair->cert, pair->key) ||
	    !ca_form_add(pair->cert, ca_form_extension(pair->cert, pair->cert, NID_basic_constraints, form->constraints)) ||
	    !ca_form_add(pair->cert, ca_form_extension(pair->cert, pair->cert, NID_key_usage, form->usage)) ||
	    !ca_form_add(pair->cert, ca_form_own_key(rsa)) ||
	    !ca_form_add(pair->cert, ca_form_issuer_key(issuer->cert)) ||
	    (crl_url && !ca_form_add(pair->cert, ca_form_crl_url(crl_url))))
		return err_openssl(err, ERR_INTERNAL, "make a certificate for %s", form->role);
	*ret = pair;
	return ca_key_sign_cert(pair->cert, issuer->key, err);
}

/* ---- a certificate and key that are given ---- */

/* The key's words may quote a passphrase: none is asked for, none can be given. */
static int
no_passphrase(char *p, int size, int rw, void *arg)
{
	(void)p;
	(void)size;
	(void)rw;
	(void)arg;
	return -1;
}

static bool
read_pair(TALLOC_CTX *ctx, struct bytes cert, struct bytes key, struct pair **ret, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	SCOPED(bio) BIO *bio = BIO_new_mem_buf(key.p ? key.p : "", (int)key.len);
	struct pair *pair = new_pair(ctx);

	if (!x509_read_pem(cert, &certs, err))
		return err_at(err, "certificate");
	pair->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	if (!pair->key)
		return err_openssl(err, ERR_INVALID, "the private key cannot be read (PEM, without a passphrase)");
	pair->cert = sk_X509_shift(certs);
	if (X509_check_private_key(pair->cert, pair->key) != 1) {
		ERR_clear_error();
		return err_set(err, ERR_INVALID, "the private key is not that of the certificate");
	}
	*ret = pair;
	return true;
}

static bool
check_key(EVP_PKEY *key, struct err *err)
{
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_is_a(key, "RSA") && bits >= PUBLIC_KEY_BITS_MIN && bits <= PUBLIC_KEY_BITS_MAX)
		return true;
	return (EVP_PKEY_is_a(key, "EC") && (bits == 256 || bits == 384)) ||
	       err_set(err, ERR_INVALID, "its key is neither RSA of 2048 to 4096 bits nor EC P-256 or P-384");
}

static bool
check_ca(const struct pair *pair, struct err *err)
{
	uint32_t usage = X509_get_key_usage(pair->cert);
	time_t ends;

	if (!(X509_get_extension_flags(pair->cert) & EXFLAG_CA))
		return err_set(err, ERR_INVALID, "it is not of a CA (basicConstraints)");
	if (!(usage & KU_KEY_CERT_SIGN) || !(usage & KU_CRL_SIGN))
		return err_set(err, ERR_INVALID, "its key usage does not let it sign certificates and CRLs");
	if (!x509_expires(pair->cert, &ends) || ends <= clock_now())
		return err_set(err, ERR_INVALID, "it has expired");
	return check_key(pair->key, err);
}

/* ---- all that belongs to an authority ---- */

static void
begin(TALLOC_CTX *ctx, struct ca_made *made)
{
	*made = (struct ca_made){ .rows = mem_array(ctx, struct authority *, CA_MADE_MAX) };
}

/* `key` NULL: kept elsewhere. */
static bool
add(struct ca_made *made, X509 *cert, EVP_PKEY *key, enum authority_role role, const char *under,
    const struct sealer *sealer, struct err *err)
{
	struct authority *row;

	if (made->n == CA_MADE_MAX)
		return err_set(err, ERR_LIMIT, "there are too many certificates above the CA");
	if (!authority_of(made->rows, cert, role, under, &row, err) || (key && !authority_seal_key(row, sealer, key, err)))
		return false;
	made->rows[made->n++] = row;
	return true;
}

static const char *
crl_of(TALLOC_CTX *ctx, const struct ca_make_wish *wish, const char *key_id)
{
	return wish->first_key ? mem_printf(ctx, "%s/crl", wish->base_url)
			       : mem_printf(ctx, "%s/crl/%s", wish->base_url, key_id);
}

static bool
add_ras(TALLOC_CTX *ctx, const struct sealer *sealer, const struct ca_make_wish *wish, const struct pair *ca,
	struct ca_made *made, struct err *err)
{
	const struct authority *row = made->rows[made->n - 1];
	const char *url = crl_of(ctx, wish, row->key_id);
	struct pair *signs, *decrypts;

	return make_pair(ctx, wish, &sign_form, ca, url, &signs, err) &&
	       make_pair(ctx, wish, &decrypt_form, ca, url, &decrypts, err) &&
	       add(made, signs->cert, signs->key, ROLE_OF_RA_SIGN, row->id, sealer, err) &&
	       add(made, decrypts->cert, decrypts->key, ROLE_OF_RA_DECRYPT, row->id, sealer, err);
}

bool
ca_make_single(TALLOC_CTX *ctx, const struct sealer *sealer, const struct ca_make_wish *wish, struct ca_made *ret,
	       struct err *err)
{
	struct pair *ca;

	begin(ctx, ret);
	return make_pair(ctx, wish, &single_form, NULL, NULL, &ca, err) &&
	       add(ret, ca->cert, ca->key, ROLE_OF_CA, NULL, sealer, err);
}

static int
wipe_text(char *text)
{
	OPENSSL_cleanse(text, strlen(text));
	return 0;
}

static bool
pem_of(TALLOC_CTX *ctx, const struct pair *pair, struct ca_made *made, struct err *err)
{
	SCOPED(bio) BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_secmem());
	char *p, *text;
	long len;

	if (!cert || !key || !PEM_write_bio_X509(cert, pair->cert) ||
	    !PEM_write_bio_PKCS8PrivateKey(key, pair->key, NULL, NULL, 0, NULL, NULL))
		return err_openssl(err, ERR_INTERNAL, "write a root");
	len = BIO_get_mem_data(cert, &p);
	made->root_cert_pem = mem_textn(ctx, p, (size_t)len);
	len = BIO_get_mem_data(key, &p);
	text = mem_textn(ctx, p, (size_t)len);
	talloc_set_destructor(text, wipe_text);
	made->root_key_pem = text;
	return true;
}

static bool
find_root(TALLOC_CTX *ctx, const struct ca_make_wish *wish, struct bytes cert, struct bytes key, struct ca_made *made,
	  struct pair **ret, struct err *err)
{
	if (cert.len)
		return (read_pair(ctx, cert, key, ret, err) && check_ca(*ret, err)) || err_at(err, "root");
	return make_pair(ctx, wish, &root_form, NULL, NULL, ret, err) && pem_of(ctx, *ret, made, err);
}

bool
ca_make_under_root(TALLOC_CTX *ctx, const struct sealer *sealer, const struct ca_make_wish *wish, struct bytes root_cert,
		   struct bytes root_key, struct ca_made *ret, struct err *err)
{
	struct pair *root, *ca;

	begin(ctx, ret);
	return find_root(ctx, wish, root_cert, root_key, ret, &root, err) &&
	       make_pair(ctx, wish, &issuing_form, root, NULL, &ca, err) &&
	       add(ret, root->cert, NULL, ROLE_OF_ABOVE, NULL, sealer, err) &&
	       add(ret, ca->cert, ca->key, ROLE_OF_CA, NULL, sealer, err) &&
	       add_ras(ctx, sealer, wish, ca, ret, err);
}

/* ---- one that is brought ---- */

/* Each in `chain` above the last one, up to a self-signed one. */
static bool
add_chain(struct ca_made *made, X509 *cert, STACK_OF(X509) *chain, struct err *err)
{
	for (int depth = 0; X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) != 0; depth++) {
		X509 *above = NULL;

		for (int i = 0; !above && chain && i < sk_X509_num(chain); i++)
			if (X509_check_issued(sk_X509_value(chain, i), cert) == X509_V_OK &&
			    X509_verify(cert, X509_get0_pubkey(sk_X509_value(chain, i))) == 1)
				above = sk_X509_value(chain, i);
		ERR_clear_error();
		if (!above || depth > CA_MADE_MAX)
			return err_set(err, ERR_INVALID, "what stands above it is not in the chain: --ca-chain FILE names "
				       "all certificates up to the root");
		if (!add(made, above, NULL, ROLE_OF_ABOVE, NULL, NULL, err))
			return false;
		cert = above;
	}
	return true;
}

bool
ca_make_brought(TALLOC_CTX *ctx, const struct sealer *sealer, const struct ca_make_wish *wish, struct bytes cert,
		struct bytes key, struct bytes chain, struct ca_made *ret, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	const uint32_t both = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT;
	struct pair *ca;

	begin(ctx, ret);
	if (!read_pair(ctx, cert, key, &ca, err) || !check_ca(ca, err))
		return err_at(err, "CA certificate");
	if (chain.len && !x509_read_pem(chain, &certs, err))
		return err_at(err, "CA chain");
	if (!add_chain(ret, ca->cert, certs, err))
		return err_at(err, "CA certificate");
	if (!add(ret, ca->cert, ca->key, ROLE_OF_CA, NULL, sealer, err))
		return false;
	return (EVP_PKEY_is_a(ca->key, "RSA") && (X509_get_key_usage(ca->cert) & both) == both) ||
	       add_ras(ctx, sealer, wish, ca, ret, err);
}
