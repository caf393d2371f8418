#include "core/plist_write.h"
#include "core/clock.h"
#include <string.h>

void
plist_write_begin(struct buf *out)
{
	buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		 "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
		 "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n");
}

void
plist_write_end(struct buf *out)
{
	buf_text(out, "</plist>\n");
}

static void
write_key(struct buf *out, const char *key)
{
	if (!key)
		return;
	buf_text(out, "<key>");
	buf_xml(out, key, strlen(key));
	buf_text(out, "</key>");
}

static void
write_tag(struct buf *out, const char *key, const char *tag)
{
	write_key(out, key);
	buf_text(out, tag);
}

void
plist_write_dict(struct buf *out, const char *key)
{
	write_tag(out, key, "<dict>\n");
}

void
plist_write_dict_end(struct buf *out)
{
	buf_text(out, "</dict>\n");
}

void
plist_write_array(struct buf *out, const char *key)
{
	write_tag(out, key, "<array>\n");
}

void
plist_write_array_end(struct buf *out)
{
	buf_text(out, "</array>\n");
}

void
plist_write_text(struct buf *out, const char *key, const char *text)
{
	if (!text)
		return;
	write_tag(out, key, "<string>");
	buf_xml(out, text, strlen(text));
	buf_text(out, "</string>\n");
}

void
plist_write_int(struct buf *out, const char *key, int64_t value)
{
	write_key(out, key);
	buf_addf(out, "<integer>%lld</integer>\n", (long long)value);
}

void
plist_write_real(struct buf *out, const char *key, double value)
{
	write_key(out, key);
	buf_addf(out, "<real>%.17g</real>\n", value);
}

void
plist_write_bool(struct buf *out, const char *key, bool value)
{
	write_tag(out, key, value ? "<true/>\n" : "<false/>\n");
}

void
plist_write_data(struct buf *out, const char *key, struct bytes data)
{
	write_tag(out, key, "<data>");
	buf_base64(out, data.p, data.len);
	buf_text(out, "</data>\n");
}

void
plist_write_time(struct buf *out, const char *key, time_t at)
{
	char iso[CLOCK_ISO_SIZE];

	write_key(out, key);
	buf_addf(out, "<date>%s</date>\n", clock_iso(at, iso));
}
