#include "tests/device/handset.h"
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/file.h"
#include "tests/device/keys.h"
#include "tests/device/message.h"

#define STATE_MAX (16u << 20)

const char *const proof_names[] = { "signature", "client-cert", "escaped", "tls", NULL };

static int
release(struct handset *h)
{
	plist_free(h->state);
	X509_free(h->cert);
	EVP_PKEY_free(h->key);
	return 0;
}

static const char *
path_of(TALLOC_CTX *ctx, const char *dir, const char *udid)
{
	return mem_printf(ctx, "%s/%s.plist", dir, udid);
}

static plist_t
load(const char *dir, const char *udid)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct bytes xml;
	struct err err;
	plist_t state = NULL;

	if (!dir || access(path_of(ctx, dir, udid), F_OK) != 0)
		return NULL;
	if (!file_read(ctx, path_of(ctx, dir, udid), STATE_MAX, &xml, &err))
		phone_die("%s", err.cause);
	plist_from_xml(xml.p, (uint32_t)xml.len, &state);
	return state ? state : (phone_die("the state of %s cannot be read", udid), NULL);
}

/* Whatever the enrollment says is what holds. */
void
handset_identify_again(struct handset *h)
{
	plist_t enrollment = handset_enrollment(h);
	struct bytes der = enrollment ? tree_data(enrollment, "Identity") : (struct bytes){ 0 };
	const unsigned char *p = der.p;

	X509_free(h->cert);
	EVP_PKEY_free(h->key);
	h->cert = NULL;
	h->key = NULL;
	if (!der.p)
		return;
	h->cert = d2i_X509(NULL, &p, (long)der.len);
	h->key = keys_number((int)tree_int(enrollment, "KeyNumber", 0));
}

struct handset *
handset_open(TALLOC_CTX *ctx, const char *dir, int number, const struct phone_ca *apple)
{
	struct handset *h = mem_new(ctx, struct handset);
	unsigned char digest[SHA256_DIGEST_LENGTH];

	if (number >= HANDSETS_MAX)
		phone_die("there are %d phones at most", HANDSETS_MAX);
	if (dir && mkdir(dir, 0700) != 0 && errno != EEXIST)
		phone_die("make %s: %s", dir, strerror(errno));
	SHA256((const unsigned char *)&number, sizeof number, digest);
	h->dir = mem_text(h, dir);
	h->udid = mem_printf(h, "00008120-%04X%02X%02X%08X", number, digest[0], digest[1],
			     (unsigned)digest[2] << 24 | (unsigned)digest[3] << 16 | (unsigned)digest[4] << 8 | digest[5]);
	h->number = number;
	h->apple = apple;
	h->state = load(dir, h->udid);
	if (!h->state)
		h->state = handset_born(number, h->udid);
	talloc_set_destructor(h, release);
	handset_identify_again(h);
	return h;
}

/* Whole or not at all, so that a phone that is killed is what it was. */
void
handset_save(const struct handset *h)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct bytes xml = tree_xml(ctx, h->state);
	const char *path, *part;
	FILE *file;

	if (!h->dir)
		return;
	path = path_of(ctx, h->dir, h->udid);
	part = mem_printf(ctx, "%s.part", path);
	file = fopen(part, "we");
	if (!file || fwrite(xml.p, 1, xml.len, file) != xml.len || fclose(file) != 0 || rename(part, path) != 0)
		phone_die("write %s: %s", path, strerror(errno));
}

EVP_PKEY *
handset_new_key(TALLOC_CTX *ctx, struct handset *h, int *number)
{
	int64_t used = tree_int(h->state, "Keys", 0);

	*number = h->number * HANDSET_KEYS + (int)(used % HANDSET_KEYS);
	tree_put_int(h->state, "Keys", used + 1);
	return hold(ctx, keys_number(*number), EVP_PKEY_free, "no key");
}

plist_t
handset_enrollment(const struct handset *h)
{
	return tree_at(h->state, "Enrollment", PLIST_DICT);
}

bool
handset_is(const struct handset *h, const char *state)
{
	plist_t enrollment = handset_enrollment(h);
	const char *is = enrollment ? tree_text(enrollment, "State") : NULL;

	return is && strcmp(is, state) == 0;
}

void
handset_set_state(struct handset *h, const char *state)
{
	tree_put_text(handset_enrollment(h), "State", state);
}

void
handset_identify(struct handset *h, struct bytes cert, int key_number)
{
	tree_put_data(handset_enrollment(h), "Identity", cert);
	tree_put_int(handset_enrollment(h), "KeyNumber", key_number);
	handset_identify_again(h);
}
