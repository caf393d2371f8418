#include "web/provision_take.h"
#include "catalog/provision_keep.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/json.h"
#include "ipa/provision.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUILDS_MAX 50	/* of which it is said what they still lack */

/* The child reads files: this one has no name. */
static bool
as_file(struct bytes bytes, int *fd, struct err *err)
{
	size_t done = 0;

	*fd = memfd_create("provision", MFD_CLOEXEC);
	if (*fd < 0)
		return err_errno(err, "keep the file");
	while (done < bytes.len) {
		ssize_t n = write(*fd, (const char *)bytes.p + done, bytes.len - done);

		if (n < 0 && errno != EINTR)
			return err_errno(err, "keep the file");
		done += n > 0 ? (size_t)n : 0;
	}
	return true;
}

static bool
inspect_it(TALLOC_CTX *ctx, const struct conf *conf, struct bytes file, struct inspect **ret, struct err *err)
{
	const char *roots = conf->apple_extra_provision_roots;
	struct inspect_opts opts = { .now = clock_now(), .udids = true, .alone = true, .extra_roots = *roots ? roots : NULL };
	SCOPED(fd) int fd = -1;
	bool died = false, ok;

	if (!file.len || file.len > PROVISION_BYTES_MAX)
		return err_code(err, ERR_INVALID, file.len ? "too_large" : "not_provision", file.len ?
				"a .mobileprovision has at most 2 MB" : "the file is empty");
	ok = as_file(file, &fd, err) && inspect_child(ctx, fd, &opts, ret, &died, err);
	if (died) {
		count_add(COUNT_INSPECT_DIED, 1);
		err_code(err, ERR_INVALID, "not_provision", "the file could not be read safely");
	}
	return ok;
}

static bool
has_text(const json_t *list, const char *text)
{
	json_t *one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, one)
		if (strcmp(json_string_value(one), text) == 0)
			return true;
	return false;
}

/* "com.example.app 1.2 (34): extension Share.appex: no newer provision names its certificate" */
static bool
add_missing(TALLOC_CTX *ctx, struct db *db, const json_t *cover, json_t *missing, struct err *err)
{
	json_t *list, *one;
	size_t i;

	if (!provision_missing(db, text_of(cover, "build_id"), &list, err))
		return false;
	json_array_foreach(list, i, one) {
		const char *text = mem_printf(ctx, "%s %s (%s): %s", text_of(cover, "app"), text_of(cover, "version"),
					      text_of(cover, "build"), text_of(one, "text"));

		if (!has_text(missing, text))
			json_array_append_new(missing, json_string(text));
	}
	json_decref(list);
	return true;
}

static bool
answer(TALLOC_CTX *ctx, struct db *db, const char *uuid, bool fresh, json_t **ret, struct err *err)
{
	json_t *shown, *near, *renews, *missing, *cover;
	bool ok = provision_fit_uuid(db, uuid, err) && provision_near(db, uuid, &near, err);
	size_t i, builds = 0;

	if (!ok)
		return false;
	if (!provision_show(db, VIEWER_HOUSE, uuid, &shown, err)) {
		json_decref(near);
		return false;
	}
	renews = json_array();
	missing = json_array();
	json_array_foreach(json_object_get(shown, "covers"), i, cover) {
		if (json_is_true(json_object_get(cover, "own")))
			continue;
		json_array_append(renews, cover);
		if (ok && builds++ < BUILDS_MAX)
			ok = add_missing(ctx, db, cover, missing, err);
	}
	json_array_foreach(near, i, cover)
		if (ok && builds++ < BUILDS_MAX)
			ok = add_missing(ctx, db, cover, missing, err);
	json_decref(near);
	json_object_del(shown, "covers");
	*ret = json_pack("{s:o, s:b, s:o, s:o}", "provision", shown, "fresh", fresh, "renews", renews, "missing", missing);
	if (!ok)
		json_decref(*ret);
	return ok;
}

bool
provision_take(TALLOC_CTX *ctx, struct db *db, const struct conf *conf, const struct person *person, struct bytes file,
	       json_t **ret, struct err *err)
{
	struct inspect *inspect;
	bool fresh;
	char *uuid;

	return inspect_it(ctx, conf, file, &inspect, err) && provision_add(ctx, db, person, inspect->facts, &uuid, &fresh, err) &&
	       answer(ctx, db, uuid, fresh, ret, err);
}
