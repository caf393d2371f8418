#include "web/multipart.h"
#include <strings.h>
#include <unistr.h>
#include "core/buf.h"

enum state {
	PREAMBLE,	/* up to the first delimiter */
	BEHIND,		/* behind a delimiter: "--", or padding and CR LF */
	HEADERS,
	CONTENT,
	EPILOGUE,
};

enum part { PART_FIELD, PART_FILE, PART_LEFT_OUT };

struct multipart {
	const struct multipart_calls *calls;
	void *arg;
	enum state state;
	/*
	 * CR LF "--" boundary.  Its CR stands nowhere else in it, so when a match fails behind some
	 * bytes, those bytes are content and the next match can only begin at the byte that failed.
	 */
	char delimiter[MULTIPART_BOUNDARY_MAX + 5];
	size_t delimiter_len, matched;
	bool begins;			/* the CR LF in `matched` is the one before, no content */
	char line[MULTIPART_HEAD_MAX];	/* of headers, or behind a delimiter */
	size_t line_len, head_len;
	int parts;
	char *field, *name, *type;	/* of this part */
	enum part part;
	struct buf value;
	size_t values_len;
	struct fields fields;
};

static bool
is_boundary(const char *text, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=? ";

	if (len == 0 || len > MULTIPART_BOUNDARY_MAX || text[len - 1] == ' ')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!text[i] || !strchr(allowed, text[i]))
			return false;
	return true;
}

/*
 * The value of a parameter behind "type; a=b; c="d"", or NULL.  In quotes a backslash escapes a
 * quote or itself and nothing else: browsers of old sent Windows paths.
 */
static char *
parameter(TALLOC_CTX *ctx, const char *header, const char *name)
{
	const char *p = header + strcspn(header, ";");

	while (*p == ';') {
		size_t len, n = 0;
		bool found, quoted;
		char *value;

		p += 1 + strspn(p + 1, " \t");
		len = strcspn(p, "=; \t");
		found = len == strlen(name) && strncasecmp(p, name, len) == 0 && p[len] == '=';
		p += len;
		if (*p != '=') {
			p += strcspn(p, ";");
			continue;
		}
		quoted = *++p == '"';
		p += quoted;
		value = mem_size(ctx, strlen(p) + 1);
		while (*p && (quoted ? *p != '"' : !strchr("; \t", *p))) {
			if (quoted && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
				p++;
			value[n++] = *p++;
		}
		value[n] = '\0';
		if (found)
			return quoted && *p != '"' ? NULL : value;
		talloc_free(value);
		p += strcspn(p, ";");
	}
	return NULL;
}

bool
multipart_new(TALLOC_CTX *ctx, const char *content_type, const struct multipart_calls *calls,
	      void *arg, struct multipart **ret, struct err *err)
{
	struct multipart *m;
	char *boundary;

	if (!fields_type_is(content_type, "multipart/form-data"))
		return err_set(err, ERR_MALFORMED, "the body is not multipart/form-data");
	m = mem_new(ctx, struct multipart);
	boundary = parameter(m, content_type, "boundary");
	if (!boundary || !is_boundary(boundary, strlen(boundary))) {
		talloc_free(m);
		return err_set(err, ERR_MALFORMED, "multipart/form-data without a boundary");
	}
	m->delimiter_len = (size_t)snprintf(m->delimiter, sizeof m->delimiter, "\r\n--%s", boundary);
	m->matched = 2;		/* the first delimiter may stand at the very beginning */
	m->begins = true;
	m->calls = calls;
	m->arg = arg;
	*ret = m;
	return true;
}

static bool
content(struct multipart *m, const char *p, size_t len, struct err *err)
{
	if (len == 0 || m->state != CONTENT || m->part == PART_LEFT_OUT)
		return true;
	if (m->part == PART_FILE)
		return m->calls->data(m->arg, (struct bytes){ p, len }, err);
	m->values_len += len;
	if (m->values_len > MULTIPART_FIELDS_MAX)
		return err_set(err, ERR_LIMIT, "the form's fields are longer than %u bytes",
			       MULTIPART_FIELDS_MAX);
	buf_add(&m->value, p, len);
	return true;
}

static bool
end_part(struct multipart *m, struct err *err)
{
	struct fields *fields = &m->fields;

	if (m->state != CONTENT || m->part != PART_FIELD)
		return true;
	if (strlen(buf_str(&m->value)) != m->value.len ||
	    u8_check((const uint8_t *)buf_str(&m->value), m->value.len))
		return err_set(err, ERR_MALFORMED, "field %.40s is not UTF-8 text", m->field);
	fields->items = mem_grow(m, fields->items, struct field, fields->n + 1);
	fields->items[fields->n++] =
		(struct field){ m->field, mem_textn(m, buf_str(&m->value), m->value.len) };
	return true;
}

static bool
begin_part(struct multipart *m, struct err *err)
{
	if (++m->parts > MULTIPART_PARTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d parts", MULTIPART_PARTS_MAX);
	if (!m->field)
		return err_set(err, ERR_MALFORMED, "part %d has no name", m->parts);
	m->state = CONTENT;
	m->matched = 2; /* of an empty part, the delimiter's CR LF is the one behind the headers */
	m->begins = true;
	m->part = !m->name ? PART_FIELD : *m->name ? PART_FILE : PART_LEFT_OUT;
	buf_init(&m->value, m, MULTIPART_FIELDS_MAX + 1);
	if (m->part != PART_FILE)
		return true;
	return m->calls->file(m->arg, &(struct multipart_file){ m->field, m->name,
			      m->type ? m->type : "application/octet-stream" }, err);
}

static bool
is_text(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return u8_check((const uint8_t *)text, strlen(text)) == NULL;
}

/* One header line, or the empty one behind them. */
static bool
header(struct multipart *m, struct err *err)
{
	static const char disposition[] = "Content-Disposition:", type[] = "Content-Type:";
	const char *line = m->line;

	if (!*line)
		return begin_part(m, err);
	if (!is_text(line))
		return err_set(err, ERR_MALFORMED, "a header of part %d is no text", m->parts + 1);
	if (strncasecmp(line, disposition, sizeof disposition - 1) == 0) {
		line += sizeof disposition - 1;
		line += strspn(line, " \t");
		if (m->field || !fields_type_is(line, "form-data"))
			return err_set(err, ERR_MALFORMED, "part %d is not one of form-data",
				       m->parts + 1);
		m->field = parameter(m, line, "name");
		m->name = parameter(m, line, "filename");
	} else if (strncasecmp(line, type, sizeof type - 1) == 0) {
		line += sizeof type - 1;
		m->type = mem_text(m, line + strspn(line, " \t"));
	}
	return true;
}

/* What may follow a delimiter: "--", or padding; then the part's headers begin. */
static bool
behind(struct multipart *m, struct err *err)
{
	if (m->line[strspn(m->line, " \t")])
		return err_set(err, ERR_MALFORMED, "a delimiter is followed by something else");
	m->state = HEADERS;
	m->head_len = 0;
	m->field = m->name = m->type = NULL;
	return true;
}

/* Collects a line; true with *whole when it is complete in m->line, without CR LF. */
static bool
take_line(struct multipart *m, const char **p, const char *end, bool *whole, struct err *err)
{
	while (*p < end) {
		char c = *(*p)++;

		if (++m->head_len > sizeof m->line - 1)
			return err_set(err, ERR_LIMIT,
				       "the headers of a part are longer than %d bytes",
				       MULTIPART_HEAD_MAX);
		if (c == '\n') {
			if (m->line_len == 0 || m->line[m->line_len - 1] != '\r')
				return err_set(err, ERR_MALFORMED, "a line does not end with CR LF");
			m->line[--m->line_len] = '\0';
			if (strlen(m->line) != m->line_len)
				return err_set(err, ERR_MALFORMED, "a header holds a NUL");
			m->line_len = 0;
			*whole = true;
			return true;
		}
		m->line[m->line_len++] = c;
		if (m->state == BEHIND && m->line_len == 2 && memcmp(m->line, "--", 2) == 0) {
			m->state = EPILOGUE;
			return true;
		}
	}
	return true;
}

static bool
delimited(struct multipart *m, struct err *err)
{
	m->matched = 0;
	if (!end_part(m, err))
		return false;
	m->state = BEHIND;
	m->line_len = m->head_len = 0;
	return true;
}

/* Goes on with a match that an earlier block began; what it held is content when the match fails. */
static bool
take_held(struct multipart *m, const char **p, const char *end, struct err *err)
{
	size_t from = m->begins ? 2 : 0;
	bool ok;

	while (*p < end && **p == m->delimiter[m->matched]) {
		(*p)++;
		if (++m->matched == m->delimiter_len)
			return delimited(m, err);
	}
	if (*p == end)
		return true;
	ok = content(m, m->delimiter + from, m->matched - from, err);
	m->matched = 0;
	m->begins = false;
	return ok;
}

/* Content up to the delimiter, or as far as the block goes, in as few pieces as possible. */
static bool
take_content(struct multipart *m, const char **p, const char *end, struct err *err)
{
	const char *from = *p, *cr = from;
	size_t len = 0;

	if (m->matched)
		return take_held(m, p, end, err);
	while ((cr = memchr(cr, '\r', (size_t)(end - cr)))) {
		len = (size_t)(end - cr) < m->delimiter_len ? (size_t)(end - cr) : m->delimiter_len;
		if (memcmp(cr, m->delimiter, len) == 0)
			break;
		cr++;
	}
	*p = cr ? cr + len : end;
	if (!content(m, from, (size_t)((cr ? cr : end) - from), err))
		return false;
	m->matched = cr ? len : 0;
	m->begins = false;
	return m->matched < m->delimiter_len || delimited(m, err);
}

bool
multipart_feed(struct multipart *m, struct bytes bytes, struct err *err)
{
	const char *p = bytes.p, *end = p + bytes.len;

	while (p < end && m->state != EPILOGUE) {
		bool whole = false;

		if (m->state == PREAMBLE || m->state == CONTENT) {
			if (!take_content(m, &p, end, err))
				return false;
			continue;
		}
		if (!take_line(m, &p, end, &whole, err))
			return false;
		if (whole && !(m->state == BEHIND ? behind(m, err) : header(m, err)))
			return false;
	}
	return true;
}

bool
multipart_end(struct multipart *m, struct err *err)
{
	return m->state == EPILOGUE || err_set(err, ERR_MALFORMED, "the form ends in the middle");
}

const struct fields *
multipart_fields(const struct multipart *m)
{
	return &m->fields;
}
