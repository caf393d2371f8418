/* Executables: what they say of themselves, and that no offset leads out of them. */
#include "tests/check.h"
#include <dirent.h>
#include "core/buf.h"
#include "ipa/macho.h"

#define ASKED_MAX (64u << 10)	/* bytes read of executables as small as these, and of large ones */

struct file {
	struct bytes bytes;
	size_t asked;
};

static bool
read_file(void *arg, uint64_t offset, void *p, size_t len, size_t *got, struct err *err)
{
	struct file *file = arg;

	(void)err;
	assert_true(offset <= file->bytes.len);
	*got = len < file->bytes.len - offset ? len : file->bytes.len - (size_t)offset;
	memcpy(p, (const char *)file->bytes.p + offset, *got);
	file->asked += len;
	return true;
}

static bool
inspect(void **state, struct bytes bytes, struct macho **ret, struct err *err)
{
	struct file file = { bytes, 0 };
	bool ok = macho_inspect(*state, read_file, &file, bytes.len, ret, err);

	assert_true(file.asked < ASKED_MAX);
	return ok;
}

static const char *
architectures(void **state, const struct macho *macho)
{
	struct buf buf;

	buf_init(&buf, *state, 1000);
	for (size_t i = 0; i < macho->architecture_count; i++)
		buf_addf(&buf, "%s%s", i ? " " : "", macho->architectures[i]);
	return buf_str(&buf);
}

static const struct {
	const char *file, *architectures;
	bool encrypted, is_signed, simulator;
	const char *team_id;
	bool entitlements;
} good[] = {
	{ "arm64",			"arm64",		false, true,  false, "A1B2C3D4E5", true },
	{ "arm64e",			"arm64e",		false, true,  false, "A1B2C3D4E5", true },
	{ "arm64_32",			"arm64_32",		false, true,  false, "A1B2C3D4E5", true },
	{ "armv7-armv7s-arm64",		"armv7 armv7s arm64",	false, true,  false, "A1B2C3D4E5", true },
	{ "fat64",			"armv7 arm64",		false, true,  false, "A1B2C3D4E5", true },
	{ "encrypted",			"arm64",		true,  true,  false, "A1B2C3D4E5", true },
	{ "encrypted-second-slice",	"armv7 arm64",		true,  true,  false, "A1B2C3D4E5", true },
	{ "encrypted-32",		"armv7",		true,  true,  false, "A1B2C3D4E5", true },
	{ "unsigned",			"arm64",		false, false, false, "", false },
	{ "signature-empty",		"arm64",		false, false, false, "", false },
	{ "signature-without-directory", "arm64",		false, false, false, "", true },
	{ "no-team",			"arm64",		false, true,  false, "", false },
	{ "old-directory",		"arm64",		false, true,  false, "", false },
	{ "team-odd",			"arm64",		false, true,  false, "", false },
	{ "no-entitlements",		"arm64",		false, true,  false, "A1B2C3D4E5", false },
	{ "simulator-arm64",		"arm64",		false, true,  true,  "A1B2C3D4E5", true },
	{ "simulator-vision",		"arm64",		false, true,  true,  "A1B2C3D4E5", true },
	{ "simulator-fat",		"x86_64 arm64",		false, true,  true,  "A1B2C3D4E5", true },
	{ "simulator-old",		"i386 x86_64",		false, true,  true,  "A1B2C3D4E5", true },
	{ "simulator-and-device",	"x86_64 arm64",		false, true,  false, "A1B2C3D4E5", true },
	{ "mac-intel",			"x86_64",		false, true,  false, "A1B2C3D4E5", true },
	{ "big-endian-32",		"cpu-18-100",		true,  true,  false, "A1B2C3D4E5", true },
	{ "big-endian-64",		"cpu-16777234-0",	false, true,  false, "A1B2C3D4E5", true },
};

static void
executables_say_what_they_are(void **state)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct bytes bytes = test_data(*state, mem_printf(*state, "machos/%s.macho", good[i].file));
		struct macho *macho = NULL;
		struct err err = { 0 };

		print_message("  %s\n", good[i].file);
		assert_ok(inspect(state, bytes, &macho, &err), &err);
		assert_string_equal(architectures(state, macho), good[i].architectures);
		assert_int_equal(macho->encrypted, good[i].encrypted);
		assert_int_equal(macho->is_signed, good[i].is_signed);
		assert_int_equal(macho->simulator, good[i].simulator);
		assert_string_equal(macho->team_id, good[i].team_id);
		assert_int_equal(macho->entitlements.len > 0, good[i].entitlements);
		if (good[i].entitlements)
			assert_non_null(memmem(macho->entitlements.p, macho->entitlements.len,
					       "A1B2C3D4E5.com.example.app", 26));
	}
}

static void
what_is_none_is_refused(void **state)
{
	DIR *dir = opendir("tests/data/machos");
	struct dirent *entry;
	int refused = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		struct macho *macho = NULL;
		struct bytes bytes;
		struct err err = { 0 };

		if (strncmp(entry->d_name, "bad-", 4) != 0)
			continue;
		bytes = test_data(*state, mem_printf(*state, "machos/%s", entry->d_name));
		if (inspect(state, bytes, &macho, &err))
			fail_msg("%s was read", entry->d_name);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_null(macho);
		refused++;
	}
	closedir(dir);
	assert_true(refused >= 15);
}

/* Cut anywhere, or with any bit turned: an answer, and never a byte from outside (the sanitizer looks). */
static void
damaged_executables_are_read_or_refused(void **state)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct bytes bytes = test_data(*state, mem_printf(*state, "machos/%s.macho", good[i].file));
		char *copy = mem_copy(*state, bytes.p, bytes.len);
		struct macho *macho;
		struct err err = { 0 };

		for (size_t len = 0; len < bytes.len; len++)
			(void)!inspect(state, (struct bytes){ copy, len }, &macho, &err);
		for (size_t at = 0; at < bytes.len; at++)
			for (int bit = 0; bit < 8; bit++) {
				copy[at] ^= (char)(1 << bit);
				(void)!inspect(state, (struct bytes){ copy, bytes.len }, &macho, &err);
				copy[at] ^= (char)(1 << bit);
			}
	}
}

static bool
fail_to_read(void *arg, uint64_t offset, void *p, size_t len, size_t *got, struct err *err)
{
	(void)arg;
	(void)offset;
	(void)p;
	(void)len;
	(void)got;
	return err_set(err, ERR_INTERNAL, "the disk is gone");
}

static void
a_failing_disk_is_no_bad_executable(void **state)
{
	struct macho *macho = NULL;
	struct err err = { 0 };

	assert_false(macho_inspect(*state, fail_to_read, NULL, 1000, &macho, &err));
	assert_int_equal(err.kind, ERR_INTERNAL);
}

TESTS(executables_say_what_they_are, what_is_none_is_refused, damaged_executables_are_read_or_refused,
      a_failing_disk_is_no_bad_executable)
