/* The zip of an upload: what is read, and each way in which one is refused before it is read. */
#include "tests/check_zip.h"
#include "core/num.h"
#include "ipa/member.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define APP "Payload/A.app/"

static bool
opens(void *ctx, const struct zip_write *entries, const struct zip_end *end, int *fd,
      struct zip **zip, struct err *err)
{
	uint64_t size;

	*fd = zip_write(ctx, entries, end, &size);
	return zip_open(ctx, *fd, size, zip, err);
}

static struct zip_member
member_named(void *ctx, const struct zip *zip, const char *name)
{
	struct zip_walk *walk = zip_walk_new(ctx, zip);
	struct zip_member m;
	struct err err;

	while (zip_next(walk, &m, &err) == ZIP_MEMBER)
		if (strcmp(m.name, name) == 0)
			return m;
	fail_msg("%s is not in the archive", name);
	return m;
}

static void
members_are_read_however_an_honest_tool_packs_them(void **state)
{
	static const struct zip_write entries[] = {
		{ .name = APP, .stored = true, .text = "", .mode = S_IFDIR | 0755 },
		{ .name = APP "stored", .stored = true, .text = "as it is" },
		{ .name = APP "deflated", .text = "smaller smaller smaller smaller" },
		{ .name = APP "later", .text = "sizes follow", .descriptor = true },
		{ .name = APP "stored later", .text = "both", .stored = true, .descriptor = true },
		{ .name = APP "large", .text = "zip64 fields", .zip64 = true },
		{ .name = APP "large later", .text = "both", .zip64 = true, .descriptor = true },
		{ .name = APP "empty", .text = "" },
		{ .name = APP "\xc3\x9c.txt", .text = "UTF-8 with its flag", .flags = 1 << 11 },
		{ .name = APP "\xe6\xa2\xa8.txt", .text = "UTF-8 without", .mode = S_IFREG | 0644 },
		{ .name = "__MACOSX/._A", .text = "ignored" },
		{ .name = "__MACOSX/Payload/._a\\b", .text = "as the Finder names it" },
		{ .name = "__MACOSX/Payload/._Icon\r", .text = "with its own icon" },
		{ 0 }
	};
	static const struct zip_end ends[] = { { 0 },
					       { .zip64 = true },
					       { .comment = "PK\5\6 made by hand" } };

	for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
		struct err err = { 0 };
		struct zip *zip;
		int fd;

		assert_ok(opens(*state, entries, &ends[e], &fd, &zip, &err), &err);
		assert_int_equal(zip->entries, sizeof entries / sizeof *entries - 1);
		for (size_t i = 1; entries[i].name; i++) {
			struct zip_member m = member_named(*state, zip, entries[i].name);
			struct bytes bytes;

			assert_true(m.is_file);
			assert_ok(member_read(*state, zip, &m, MEMBER_MAX, &bytes, &err), &err);
			assert_string_equal(bytes.p, entries[i].text);
			assert_int_equal(bytes.len, strlen(entries[i].text));
		}
		close(fd);
	}
}

static const struct {
	const char *what;
	struct zip_write entries[4];
	struct zip_end end;
	const char *code;
} hostile[] = {
	{ "goes up",		{ { .name = "Payload/../../etc/passwd", .text = "" } }, .code = "hostile_zip" },
	{ "goes up at its end",	{ { .name = "Payload/..", .text = "" } }, .code = "hostile_zip" },
	{ "stays in place",	{ { .name = "Payload/./A.app/x", .text = "" } }, .code = "hostile_zip" },
	{ "goes up beside",	{ { .name = "__MACOSX/../x", .text = "" } }, .code = "hostile_zip" },
	{ "is absolute",	{ { .name = "/etc/passwd", .text = "" } }, .code = "hostile_zip" },
	{ "has an empty part",	{ { .name = "Payload//A.app", .text = "" } }, .code = "hostile_zip" },
	{ "has a backslash",	{ { .name = APP "..\\x", .text = "" } }, .code = "hostile_zip" },
	{ "has a control character", { { .name = APP "\x01x", .text = "" } }, .code = "hostile_zip" },
	{ "has a C1 control character", { { .name = APP "\xc2\x85x", .text = "" } }, .code = "hostile_zip" },
	{ "has no name",	{ { .name = "", .text = "" } }, .code = "hostile_zip" },
	{ "is not UTF-8",	{ { .name = APP "\x81x", .text = "" } }, .code = "hostile_zip" },
	{ "is overlong UTF-8",	{ { .name = APP "\xc0\xaf", .text = "" } }, .code = "hostile_zip" },
	{ "has another name inside", { { .name = APP "Info.plist", .local_name = APP "Evil.plist", .text = "" } },
	  .code = "hostile_zip" },
	{ "has a longer name inside", { { .name = APP "a", .local_name = APP "ab", .text = "" } },
	  .code = "hostile_zip" },
	{ "is there twice",	{ { .name = APP "x", .text = "1" }, { .name = APP "x", .text = "2" } },
	  .code = "hostile_zip" },
	{ "differs in case",	{ { .name = APP "x", .text = "" }, { .name = "payload/a.app/X", .text = "" } },
	  .code = "hostile_zip" },
	{ "differs in composition", { { .name = APP "\xc3\xa9", .text = "" }, { .name = APP "e\xcc\x81", .text = "" } },
	  .code = "hostile_zip" },
	{ "differs in folding",	{ { .name = APP "STRASSE", .text = "" }, { .name = APP "stra\xc3\x9f""e", .text = "" } },
	  .code = "hostile_zip" },
	{ "is file and directory", { { .name = APP "x", .text = "" }, { .name = APP "x/", .text = "" } },
	  .code = "hostile_zip" },
	{ "is encrypted",	{ { .name = APP "x", .text = "", .flags = 1 } }, .code = "hostile_zip" },
	{ "points at nothing",	{ { .name = APP "a", .text = "1", .header_at = 1u << 30 } },
	  .code = "hostile_zip" },
	{ "unpacks to 9 GB",	{ { .name = APP "a", .text = "1", .declared = 9ull << 30, .zip64 = true } },
	  .code = "too_large" },
	{ "has bytes before",	{ { .name = APP "a", .text = "1" } }, { .before = "#!/bin/sh\n" }, "hostile_zip" },
	{ "has bytes between",	{ { .name = APP "a", .text = "1" } }, { .directory_off = -1 }, "hostile_zip" },
	{ "has a directory beyond the end", { { .name = APP "a", .text = "1" } }, { .directory_off = 1 << 20 },
	  "hostile_zip" },
	{ "has a stub before it", { { .name = APP "a", .text = "1", .header_at = 1 } }, { .before = "MZ" },
	  "hostile_zip" },
	{ "announces more",	{ { .name = APP "a", .text = "1" } }, { .entries_off = 1 }, "hostile_zip" },
	{ "announces fewer",	{ { .name = APP "a", .text = "1" }, { .name = APP "b", .text = "1" } },
	  { .entries_off = -1 }, "hostile_zip" },
	{ "announces very many", { { .name = APP "a", .text = "1" } },
	  { .entries_off = ZIP_ENTRIES_MAX, .zip64 = true }, "too_large" },
};

static void
archives_that_can_be_misread_are_refused(void **state)
{
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		struct err err = { 0 };
		struct zip *zip;
		int fd;

		print_message("  %s\n", hostile[i].what);
		assert_false(opens(*state, hostile[i].entries, &hostile[i].end, &fd, &zip, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.code, hostile[i].code);
		close(fd);
	}
}

/* Two names over the same bytes: how a small file unpacks to a very large one. */
static void
a_member_inside_another_is_refused(void **state)
{
	struct zip_write inner[] = { { .name = "b", .text = "b", .stored = true }, { 0 } };
	struct zip_write outer[] = {
		{ .name = "a", .stored = true, .len = 30 + 1 + 1 },
		{ .name = "b", .text = "b", .stored = true, .header_at = 30 + 1 },
		{ 0 }
	};
	struct err err = { 0 };
	struct zip *zip;
	char local[30 + 1 + 1];
	uint64_t size;
	int fd = zip_write(*state, inner, NULL, &size);

	assert_int_equal(pread(fd, local, sizeof local, 0), sizeof local);
	close(fd);
	outer[0].text = local;
	assert_false(opens(*state, outer, NULL, &fd, &zip, &err));
	assert_string_equal(err.cause, "two entries of the archive overlap");
	close(fd);
}

static const struct {
	const char *what;
	struct zip_write entry;
	const char *code;
} unreadable[] = {
	{ "unpacks to more than declared", { .name = "x", .zeros = 50000, .declared = 10 }, "hostile_zip" },
	{ "unpacks to less than declared", { .name = "x", .zeros = 100, .declared = 2000 }, "hostile_zip" },
	{ "is packed 1000 to 1", { .name = "x", .zeros = 1 << 20 }, "hostile_zip" },
	{ "has another checksum", { .name = "x", .text = "abc", .crc_off = 1 }, "hostile_zip" },
	{ "is a link", { .name = "x", .text = "/etc/passwd", .mode = S_IFLNK | 0777 }, "hostile_zip" },
	{ "is a device", { .name = "x", .text = "", .mode = S_IFCHR | 0777 }, "hostile_zip" },
	{ "is packed by another method", { .name = "x", .text = "abc", .method = 12 }, "hostile_zip" },
	{ "is no deflate stream", { .name = "x", .text = "abc", .stored = true, .method = 8 }, "hostile_zip" },
	{ "is stored with two sizes", { .name = "x", .text = "abc", .stored = true, .declared = 4 }, "hostile_zip" },
	{ "is above the limit", { .name = "x", .zeros = 6000 }, "too_large" },
};

static void
a_member_that_lies_is_refused_when_it_is_wanted(void **state)
{
	for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
		const struct zip_write entries[2] = { unreadable[i].entry };
		struct err err = { 0 };
		struct member_stream *stream;
		struct zip_member m;
		struct bytes bytes;
		struct zip *zip;
		char part[100];
		size_t got;
		int fd;

		print_message("  %s\n", unreadable[i].what);
		assert_ok(opens(*state, entries, NULL, &fd, &zip, &err), &err);
		m = member_named(*state, zip, "x");
		assert_false(
			member_read(*state, zip, &m, i == 9 ? 5000 : MEMBER_MAX, &bytes, &err));
		assert_int_equal(err.kind, ERR_INVALID);
		assert_string_equal(err.code, unreadable[i].code);
		/* Reading in parts never gives more than was declared either. */
		if (member_stream_open(*state, zip, &m, &stream, &err) &&
		    member_read_at(stream, 0, part, sizeof part, &got, &err))
			assert_true(got <= m.size);
		close(fd);
	}
}

static void
what_is_no_zip_says_so(void **state)
{
	static const char *const texts[] = {
		"", "PK", "This is not an ipa",
		"PK\3\4 and then it breaks off, as a cut upload does"
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct err err = { 0 };
		struct zip *zip;
		int fd = zip_file((struct bytes){ texts[i], strlen(texts[i]) });

		assert_false(zip_open(*state, fd, strlen(texts[i]), &zip, &err));
		assert_string_equal(err.code, "not_zip");
		close(fd);
	}
}

static void
an_archive_cut_anywhere_is_refused(void **state)
{
	static const struct zip_write entries[] = { { .name = APP "Info.plist", .text = "hello" },
						    { .name = APP "x", .text = "", .zip64 = true },
						    { 0 } };
	struct zip_end end = { .zip64 = true };
	struct err err = { 0 };
	struct zip *zip;
	uint64_t size;
	int fd = zip_write(*state, entries, &end, &size);

	assert_ok(zip_open(*state, fd, size, &zip, &err), &err);
	for (uint64_t cut = 0; cut < size; cut++)
		assert_false(zip_open(*state, fd, cut, &zip, &err));
	close(fd);
}

/* Every byte may change anything but our good sense: refused, or read within bounds. */
static void
an_archive_with_any_byte_changed_is_read_or_refused(void **state)
{
	static const struct zip_write entries[] = {
		{ .name = APP "Info.plist", .text = "hello hello hello" },
		{ .name = APP "x", .text = "stored", .stored = true, .zip64 = true }, { 0 } };
	struct zip_end end = { .zip64 = true };
	uint64_t size;
	int fd = zip_write(*state, entries, &end, &size), read_anyway = 0;

	for (uint64_t at = 0; at < size; at++) {
		unsigned char was, is;

		assert_int_equal(pread(fd, &was, 1, (off_t)at), 1);
		for (int bit = 0; bit < 8; bit++) {
			TALLOC_CTX *ctx = talloc_new(*state);
			struct zip_member m;
			struct err err;
			struct zip *zip;

			is = was ^ (unsigned char)(1 << bit);
			assert_int_equal(pwrite(fd, &is, 1, (off_t)at), 1);
			if (zip_open(ctx, fd, size, &zip, &err)) {
				struct zip_walk *walk = zip_walk_new(ctx, zip);
				struct bytes bytes;

				while (zip_next(walk, &m, &err) == ZIP_MEMBER)
					read_anyway +=
						member_read(ctx, zip, &m, MEMBER_MAX, &bytes, &err);
			}
			talloc_free(ctx);
		}
		assert_int_equal(pwrite(fd, &was, 1, (off_t)at), 1);
	}
	assert_true(read_anyway > 0);
	close(fd);
}

static void
parts_of_a_large_member_are_read_in_constant_memory(void **state)
{
	enum { LEN = 5 << 20 };
	char *text = mem_size(*state, LEN + 1);
	struct zip_write entries[] = { { .name = "deflated", .text = text },
				       { .name = "stored", .text = text, .stored = true }, { 0 } };
	static const size_t places[] = { 0, 4, 65536, 300000, 290000, 3 << 20, LEN - 100, 12 };
	struct err err = { 0 };
	struct zip *zip;
	int fd;

	for (uint32_t i = 0, random = 1; i < LEN; i++) {
		random = random * 1664525 + 1013904223;
		text[i] = (char)('a' + (random >> 28));
	}
	text[LEN] = '\0';
	assert_ok(opens(*state, entries, NULL, &fd, &zip, &err), &err);
	for (size_t e = 0; entries[e].name; e++) {
		struct zip_member m = member_named(*state, zip, entries[e].name);
		struct member_stream *stream;
		char part[1000];
		size_t got;

		assert_ok(member_stream_open(*state, zip, &m, &stream, &err), &err);
		for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
			size_t want = places[i] + sizeof part > LEN ? LEN - places[i] : sizeof part;

			assert_ok(member_read_at(stream, places[i], part, sizeof part, &got, &err),
				  &err);
			assert_int_equal(got, want);
			assert_memory_equal(part, text + places[i], want);
		}
		assert_ok(member_read_at(stream, LEN, part, 1, &got, &err), &err);
		assert_int_equal(got, 0);
		assert_ok(member_read_at(stream, UINT64_MAX, part, 1, &got, &err), &err);
		assert_int_equal(got, 0);
		assert_true(talloc_total_size(stream) < 1 << 20);
	}
	close(fd);
}

TESTS(members_are_read_however_an_honest_tool_packs_them, archives_that_can_be_misread_are_refused,
      a_member_inside_another_is_refused,
      a_member_that_lies_is_refused_when_it_is_wanted, what_is_no_zip_says_so,
      an_archive_cut_anywhere_is_refused, an_archive_with_any_byte_changed_is_read_or_refused,
      parts_of_a_large_member_are_read_in_constant_memory)
