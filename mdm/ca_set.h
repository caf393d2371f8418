#pragma once
/*
 * ca_set - the authority as it is now: read from the database, never changed, shared by all threads; and what
 * each thread has of it in its own OpenSSL context.  For mdm/ca*.c and mdm/ocsp.c alone.
 */
#include "mdm/authority.h"
#include "mdm/ca.h"
#include "mdm/cms_thread.h"
#include <pthread.h>
#include <stdatomic.h>

#define CA_EXTENSIONS_MAX 8
#define CA_USAGES	2	/* keyUsage and extendedKeyUsage */

struct ca_set {
	uint64_t id;			/* of cms_thread.h */
	const struct sealer *sealer;
	const char *base_url;
	struct authorities all;
	uint64_t keys[AUTHORITIES_MAX];	/* of cms_thread.h: the keys of those in `all`, in their order */
	const struct authority *ca, *signer, *decrypter;	/* in use; NULL: there is none */
	const struct authority *next;	/* staged; NULL: none */
	struct cms_trust *ours;
	struct bytes scep;		/* what GetCACert serves */
	char stamp[64];			/* of authority_stamp */
};

struct ca_crl_kept {
	const char *key_id;
	int64_t revocations, built, number;
	struct bytes der;
};

struct ca {
	struct db *db;
	const struct sealer *sealer;
	const char *base_url;
	_Atomic(const struct ca_set *) set;
	_Atomic(struct cms_trust *) trusted;	/* outside CAs; NULL: none */
	_Atomic(const char *) trusted_pem;
	_Atomic int64_t looked;			/* clock_ms */

	pthread_mutex_t lock;			/* for reading anew, and this talloc context */
	pthread_mutex_t crl_lock;		/* for what follows */
	void *crl_ctx;
	struct ca_crl_kept crls[AUTHORITIES_MAX];
	size_t crls_n;
};

/* Looked up again when that is due; a failure to look is logged, and what was known stays. */
const struct ca_set *ca_set_now(struct ca *ca);
/* The same where there must be one that issues: ERR_BUSY "no_ca". */
bool ca_set_ready(struct ca *ca, const struct ca_set **ret, struct err *err) CHECKED;

/* ---- ca_own.c ---- */

struct ca_hand {
	X509 *cert;
	EVP_PKEY *key;
};

struct ca_own {
	struct ca_hand ca, signer, decrypter;	/* the same three times where the CA does all by itself */
	X509_EXTENSION *extensions[CA_EXTENSIONS_MAX];	/* that all its certificates have */
	size_t extensions_n;
	X509_EXTENSION *usage[2][CA_USAGES];	/* of clients, and of what signs mobileconfigs */
};

bool ca_own(const struct ca_set *set, const struct ca_own **ret, struct err *err) CHECKED;

/* The key of one in set->all, retired or not, as this thread has it: lent as by cms_thread_own. */
bool ca_own_key(const struct ca_set *set, const struct authority *row, EVP_PKEY **ret, struct err *err) CHECKED;

/* The first of all CAs with a key here has the plain /crl. */
const char *ca_set_crl_url(TALLOC_CTX *ctx, const struct ca_set *set, const char *key_id);
