/* Any bytes as an archive: refused, or every member is read within what it declares. */
#include "tests/fuzz/fuzz.h"
#include "ipa/layout.h"
#include "ipa/member.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void
read_parts(TALLOC_CTX *ctx, const struct zip *zip, const struct zip_member *m)
{
	static const uint64_t places[] = { 0, 70000, 3 };
	struct member_stream *stream;
	struct err err;
	char part[100];
	size_t got;

	if (!member_stream_open(ctx, zip, m, &stream, &err))
		return;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (member_read_at(stream, places[i], part, sizeof part, &got, &err) &&
		    got > sizeof part)
			abort();
	talloc_free(stream);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	int fd = memfd_create("zip", MFD_CLOEXEC);
	struct layout *layout;
	struct zip_member m;
	struct zip *zip;
	struct err err = { 0 };

	if (fd < 0 || write(fd, p, len) != (ssize_t)len)
		abort();
	if (zip_open(ctx, fd, len, &zip, &err)) {
		struct zip_walk *walk = zip_walk_new(ctx, zip);
		struct bytes bytes;
		uint64_t count = 0;

		while (zip_next(walk, &m, &err) == ZIP_MEMBER) {
			count++;
			if (member_read(ctx, zip, &m, 1 << 20, &bytes, &err) && bytes.len != m.size)
				abort();
			read_parts(ctx, zip, &m);
		}
		if (count != zip->entries)
			abort();
		if (layout_read(ctx, zip, &layout, &err) && !layout->app.info)
			abort();
	} else if (!*err.code || !*err.cause) {
		abort();
	}
	close(fd);
	talloc_free(ctx);
	return 0;
}
