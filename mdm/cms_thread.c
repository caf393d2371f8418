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
	uint64_t clock;
	struct kept {
		uint64_t id, used;	/* used: by thread.clock */
		void *made;
		void (*release)(void *made);
	} kept[CMS_THREAD_KEPT];
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local struct thread *mine;

static void
release_thread(void *p)
{
	struct thread *thread = p;

	for (size_t i = 0; i < CMS_THREAD_KEPT; i++)
		if (thread->kept[i].made)
			thread->kept[i].release(thread->kept[i].made);
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

uint64_t
cms_thread_id(void)
{
	static atomic_uint_fast64_t last;

	return atomic_fetch_add(&last, 1) + 1;
}

/* Where it is, or else the one not used for longest. */
static struct kept *
place_of(struct thread *thread, uint64_t id)
{
	struct kept *oldest = thread->kept;

	for (struct kept *kept = thread->kept; kept < thread->kept + CMS_THREAD_KEPT; kept++) {
		if (kept->id == id)
			return kept;
		if (kept->used < oldest->used)
			oldest = kept;
	}
	return oldest;
}

bool
cms_thread_own(uint64_t id, const struct cms_thread_kind *kind, const void *of, void **ret, struct err *err)
{
	struct thread *thread;
	struct kept *kept;
	void *made = NULL;

	if (!this_thread(&thread, err))
		return false;
	kept = place_of(thread, id);
	if (kept->id != id) {
		if (!kind->make(of, thread->lib, &made, err))
			return false;
		if (kept->made)
			kept->release(kept->made);
		*kept = (struct kept){ id, 0, made, kind->release };
	}
	kept->used = ++thread->clock;
	*ret = kept->made;
	return true;
}

bool
cms_trust_new(TALLOC_CTX *ctx, const STACK_OF(X509) *certs, enum cms_way way, struct cms_trust **ret,
	      struct err *err)
{
	struct cms_trust *trust = mem_new(ctx, struct cms_trust);

	trust->id = cms_thread_id();
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
make_store(const void *of, OSSL_LIB_CTX *lib, void **ret, struct err *err)
{
	SCOPED(x509_store) X509_STORE *store = X509_STORE_new();
	const struct cms_trust *trust = of;
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

static void
release_store(void *store)
{
	X509_STORE_free(store);
}

static const struct cms_thread_kind stores = { make_store, release_store };

bool
cms_trust_vouches(const struct cms_trust *trust, X509 *signer, STACK_OF(X509) *certs, bool *ret, struct err *err)
{
	X509_STORE_CTX *check;
	OSSL_LIB_CTX *lib;
	void *store;

	if (!cms_thread_lib(&lib, err) || !cms_thread_own(trust->id, &stores, trust, &store, err))
		return false;
	check = X509_STORE_CTX_new_ex(lib, NULL);
	*ret = check && X509_STORE_CTX_init(check, store, signer, trust->way == CMS_DIRECT ? NULL : certs) &&
	       X509_verify_cert(check) == 1;
	X509_STORE_CTX_free(check);
	ERR_clear_error();
	return true;
}
