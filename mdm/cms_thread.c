#include "mdm/cms_thread.h"
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>

/* Shared by all threads and never changed: DER, which each decodes into its own context. */
struct cms_trust {
	uint64_t id;		/* never used again: a thread may still have a store of one that is gone */
	enum cms_way way;
	struct bytes *ders;
	size_t n;
};

struct thread {
	OSSL_LIB_CTX *lib;
	struct {
		uint64_t id;
		X509_STORE *store;
	} stores[CMS_TRUSTS_MAX];
	size_t next;		/* to be replaced */
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local struct thread *mine;

static void
release_thread(void *p)
{
	struct thread *thread = p;

	for (size_t i = 0; i < CMS_TRUSTS_MAX; i++)
		X509_STORE_free(thread->stores[i].store);
	OSSL_LIB_CTX_free(thread->lib);
	mine = NULL;
	talloc_free(thread);
}

static void
make_key(void)
{
	if (pthread_key_create(&key, release_thread) != 0)
		abort();
}

static bool
this_thread(struct thread **ret, struct err *err)
{
	struct thread *thread = mine;

	pthread_once(&once, make_key);
	if (!thread) {
		thread = mem_new(NULL, struct thread);
		thread->lib = OSSL_LIB_CTX_new();	/* loads the default provider when it is first asked */
		if (!thread->lib || pthread_setspecific(key, thread) != 0) {
			OSSL_LIB_CTX_free(thread->lib);
			talloc_free(thread);
			return err_openssl(err, ERR_INTERNAL, "set up OpenSSL for a thread");
		}
		mine = thread;
	}
	*ret = thread;
	return true;
}

bool
cms_thread_lib(OSSL_LIB_CTX **ret, struct err *err)
{
	struct thread *thread;

	if (!this_thread(&thread, err))
		return false;
	*ret = thread->lib;
	return true;
}

bool
cms_trust_new(TALLOC_CTX *ctx, const STACK_OF(X509) *certs, enum cms_way way, struct cms_trust **ret,
	      struct err *err)
{
	static atomic_uint_fast64_t last;
	struct cms_trust *trust = mem_new(ctx, struct cms_trust);

	trust->id = atomic_fetch_add(&last, 1) + 1;
	trust->way = way;
	trust->ders = mem_array(trust, struct bytes, (size_t)sk_X509_num(certs));
	for (int i = 0; i < sk_X509_num(certs); i++) {
		unsigned char *der = NULL;
		int len = i2d_X509(sk_X509_value(certs, i), &der);

		if (len <= 0) {
			talloc_free(trust);
			return err_openssl(err, ERR_INTERNAL, "encode a certificate");
		}
		trust->ders[trust->n++] = (struct bytes){ mem_copy(trust, der, (size_t)len), (size_t)len };
		OPENSSL_free(der);
	}
	*ret = trust;
	return true;
}

static bool
add_cert(X509_STORE *store, OSSL_LIB_CTX *lib, struct bytes der)
{
	SCOPED(x509) X509 *cert = X509_new_ex(lib, NULL);
	const unsigned char *p = der.p;

	return cert && d2i_X509(&cert, &p, (long)der.len) && X509_STORE_add_cert(store, cert);
}

/* Partial chains: an anchor need not be a root.  No time: Apple's device CA ended in 2014 and goes on. */
static bool
make_store(const struct cms_trust *trust, OSSL_LIB_CTX *lib, X509_STORE **ret, struct err *err)
{
	SCOPED(x509_store) X509_STORE *store = X509_STORE_new();
	bool ok = store && X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN) &&
		  X509_STORE_set_purpose(store, X509_PURPOSE_ANY) &&
		  X509_STORE_set_depth(store, CMS_CHAIN_MAX);

	for (size_t i = 0; ok && i < trust->n; i++)
		ok = add_cert(store, lib, trust->ders[i]);
	if (!ok)
		return err_openssl(err, ERR_INTERNAL, "set up trust anchors");
	*ret = store;
	store = NULL;
	return true;
}

static bool
store_of(struct thread *thread, const struct cms_trust *trust, X509_STORE **ret, struct err *err)
{
	X509_STORE *store = NULL;

	for (size_t i = 0; i < CMS_TRUSTS_MAX; i++)
		if (thread->stores[i].id == trust->id) {
			*ret = thread->stores[i].store;
			return true;
		}
	if (!make_store(trust, thread->lib, &store, err))
		return false;
	X509_STORE_free(thread->stores[thread->next].store);
	thread->stores[thread->next].id = trust->id;
	thread->stores[thread->next].store = store;
	thread->next = (thread->next + 1) % CMS_TRUSTS_MAX;
	*ret = store;
	return true;
}

bool
cms_trust_vouches(const struct cms_trust *trust, X509 *signer, STACK_OF(X509) *certs, bool *ret, struct err *err)
{
	X509_STORE_CTX *check;
	struct thread *thread;
	X509_STORE *store;

	if (!this_thread(&thread, err) || !store_of(thread, trust, &store, err))
		return false;
	check = X509_STORE_CTX_new_ex(thread->lib, NULL);
	*ret = check && X509_STORE_CTX_init(check, store, signer, trust->way == CMS_DIRECT ? NULL : certs) &&
	       X509_verify_cert(check) == 1;
	X509_STORE_CTX_free(check);
	ERR_clear_error();
	return true;
}
