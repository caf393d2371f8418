#include "web/tls.h"
#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"

struct pair {
	gnutls_pcert_st chain[TLS_CHAIN_MAX];
	unsigned chain_n;
	gnutls_privkey_t key;
	int64_t replaced_ms;
	struct pair *older;
};

struct tls {
	char *cert_file, *key_file;
	struct pair *_Atomic now;
	pthread_mutex_t reloading;
	struct pair *replaced;
};

static int
pair_free(struct pair *pair)
{
	for (unsigned i = 0; i < pair->chain_n; i++)
		gnutls_pcert_deinit(&pair->chain[i]);
	if (pair->key)
		gnutls_privkey_deinit(pair->key);
	return 0;
}

static bool
check_pair(struct pair *pair, const char *cert_file, struct err *err)
{
	unsigned char ids[2][64];
	size_t lens[2] = { sizeof ids[0], sizeof ids[1] };
	gnutls_pubkey_t public;
	gnutls_x509_crt_t cert;
	int why;

	if (gnutls_pubkey_init(&public) < 0)
		return err_set(err, ERR_INTERNAL, "out of memory");
	why = gnutls_pubkey_import_privkey(public, pair->key, 0, 0);
	if (why >= 0)
		why = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, ids[0], &lens[0]);
	gnutls_pubkey_deinit(public);
	if (why >= 0)
		why = gnutls_pubkey_get_key_id(pair->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256,
					       ids[1], &lens[1]);
	if (why < 0)
		return err_set(err, ERR_INVALID, "compare key and certificate: %s",
			       gnutls_strerror(why));
	if (lens[0] != lens[1] || memcmp(ids[0], ids[1], lens[0]) != 0)
		return err_set(err, ERR_INVALID, "the key does not belong to the certificate in %s",
			       cert_file);
	if (gnutls_pcert_export_x509(&pair->chain[0], &cert) == 0) {
		/* Better an expired certificate than none: the console stays reachable. */
		if (gnutls_x509_crt_get_expiration_time(cert) < time(NULL))
			log_warn("the TLS certificate has expired", KV("file", cert_file));
		gnutls_x509_crt_deinit(cert);
	}
	return true;
}

static bool
read_pair(TALLOC_CTX *ctx, const char *cert_file, const char *key_file, struct pair **ret,
	  struct err *err)
{
	struct pair *pair = mem_new(ctx, struct pair);
	gnutls_datum_t pem = { 0 };
	struct bytes bytes;
	int why;

	talloc_set_destructor(pair, pair_free);
	if (!file_read(pair, cert_file, TLS_FILE_MAX, &bytes, err))
		goto failed;
	pem = (gnutls_datum_t){ (unsigned char *)(uintptr_t)bytes.p, (unsigned)bytes.len };
	pair->chain_n = TLS_CHAIN_MAX;
	why = gnutls_pcert_list_import_x509_raw(pair->chain, &pair->chain_n, &pem,
						GNUTLS_X509_FMT_PEM, 0);
	if (why < 0) {
		pair->chain_n = 0;
		err_set(err, ERR_INVALID, "%s: %s", cert_file, gnutls_strerror(why));
		goto failed;
	}
	if (!file_read(pair, key_file, TLS_FILE_MAX, &bytes, err))
		goto failed;
	pem = (gnutls_datum_t){ (unsigned char *)(uintptr_t)bytes.p, (unsigned)bytes.len };
	gnutls_privkey_init(&pair->key);
	why = gnutls_privkey_import_x509_raw(pair->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	explicit_bzero(pem.data, pem.size);
	if (why < 0) {
		err_set(err, ERR_INVALID, "%s: %s", key_file, gnutls_strerror(why));
		goto failed;
	}
	if (!check_pair(pair, cert_file, err))
		goto failed;
	*ret = pair;
	return true;
failed:
	talloc_free(pair);
	return false;
}

bool
tls_open(TALLOC_CTX *ctx, const char *cert_file, const char *key_file, struct tls **ret,
	 struct err *err)
{
	struct tls *tls = mem_new(ctx, struct tls);
	struct pair *pair;

	if (!key_file)
		return err_set(err, ERR_INVALID, "a TLS certificate needs its key");
	tls->cert_file = mem_text(tls, cert_file);
	tls->key_file = mem_text(tls, key_file);
	pthread_mutex_init(&tls->reloading, NULL);
	if (!read_pair(tls, cert_file, key_file, &pair, err))
		return err_at(err, "TLS");
	atomic_store(&tls->now, pair);
	*ret = tls;
	return true;
}

bool
tls_reload(struct tls *tls, struct err *err)
{
	struct pair *pair, **at;
	int64_t now_ms = clock_ms();
	bool ok;

	pthread_mutex_lock(&tls->reloading);
	ok = read_pair(tls, tls->cert_file, tls->key_file, &pair, err);
	if (ok) {
		struct pair *old = atomic_exchange(&tls->now, pair);

		old->replaced_ms = now_ms;
		old->older = tls->replaced;
		tls->replaced = old;
		for (at = &tls->replaced; *at;) {
			struct pair *gone = *at;

			if (now_ms - gone->replaced_ms < TLS_GRACE_MS) {
				at = &gone->older;
				continue;
			}
			*at = gone->older;
			talloc_free(gone);
		}
	}
	pthread_mutex_unlock(&tls->reloading);
	return ok || err_at(err, "TLS");
}

int
tls_pick(struct tls *tls, gnutls_pcert_st **chain, unsigned *chain_n, gnutls_privkey_t *key)
{
	struct pair *pair = atomic_load(&tls->now);

	*chain = pair->chain;
	*chain_n = pair->chain_n;
	*key = pair->key;
	return 0;
}
