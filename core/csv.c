#include "core/csv.h"
#include "core/buf.h"
#include "core/text.h"
#include <string.h>

#define MARK "\xef\xbb\xbf"

/* The one that the first line has most of, outside of quotes. */
static char
delimiter_of(const char *at, const char *end)
{
	static const char candidates[] = ",;\t";
	size_t counts[3] = { 0 };
	bool quoted = false;
	int best = 0;

	for (; at < end && (quoted || (*at != '\n' && *at != '\r')); at++) {
		const char *found = *at ? strchr(candidates, *at) : NULL;

		quoted ^= *at == '"';
		if (found && !quoted)
			counts[found - candidates]++;
	}
	for (int i = 1; i < 3; i++)
		if (counts[i] > counts[best])
			best = i;
	return candidates[best];
}

bool
csv_open(struct bytes text, struct csv *ret, struct err *err)
{
	const char *at = text.p;

	if (!text_valid(text.p, text.len))
		return err_code(err, ERR_INVALID, "not_utf8", "the file is no UTF-8; in a spreadsheet, save it as \"CSV UTF-8\"");
	*ret = (struct csv){ .at = at, .end = at + text.len, .line = 1 };
	if (text.len >= 3 && memcmp(at, MARK, 3) == 0)
		ret->at += 3;
	ret->delimiter = delimiter_of(ret->at, ret->end);
	return true;
}

static bool
line_ends(const struct csv *csv)
{
	return csv->at == csv->end || *csv->at == '\n' || *csv->at == '\r';
}

static void
skip_line_end(struct csv *csv)
{
	if (csv->at < csv->end && *csv->at == '\r')
		csv->at++;
	if (csv->at < csv->end && *csv->at == '\n')
		csv->at++;
	csv->line++;
}

static char *
trimmed(TALLOC_CTX *ctx, const char *from, size_t len)
{
	while (len && (*from == ' ' || *from == '\t'))
		from++, len--;
	while (len && (from[len - 1] == ' ' || from[len - 1] == '\t'))
		len--;
	return mem_textn(ctx, from, len);
}

static bool
quoted_field(TALLOC_CTX *ctx, struct csv *csv, const char **ret, struct err *err)
{
	int line = csv->line;
	struct buf buf;

	buf_init(&buf, ctx, (size_t)(csv->end - csv->at) + 1);
	for (csv->at++; csv->at < csv->end; csv->at++) {
		if (*csv->at == '"') {
			if (csv->end - csv->at < 2 || csv->at[1] != '"')
				break;
			csv->at++;
		}
		csv->line += *csv->at == '\n';
		buf_add(&buf, csv->at, 1);
	}
	if (csv->at == csv->end)
		return err_set(err, ERR_INVALID, "line %d: a quote is opened and not closed", line);
	csv->at++;
	while (csv->at < csv->end && *csv->at == ' ')
		csv->at++;
	if (!line_ends(csv) && *csv->at != csv->delimiter)
		return err_set(err, ERR_INVALID, "line %d: there is text behind a closing quote", csv->line);
	*ret = trimmed(ctx, buf_str(&buf), buf.len);
	return true;
}

static bool
field(TALLOC_CTX *ctx, struct csv *csv, const char **ret, struct err *err)
{
	const char *from;

	while (csv->at < csv->end && *csv->at == ' ')
		csv->at++;
	if (csv->at < csv->end && *csv->at == '"')
		return quoted_field(ctx, csv, ret, err);
	for (from = csv->at; !line_ends(csv) && *csv->at != csv->delimiter;)
		csv->at++;
	*ret = trimmed(ctx, from, (size_t)(csv->at - from));
	return true;
}

enum csv_step
csv_next(TALLOC_CTX *ctx, struct csv *csv, const char ***fields, size_t *n, int *line, struct err *err)
{
	const char **row = mem_array(ctx, const char *, CSV_FIELDS_MAX);

	while (csv->at < csv->end) {
		bool empty = true;

		*line = csv->line;
		for (*n = 0;; csv->at++) {
			if (*n == CSV_FIELDS_MAX) {
				err_set(err, ERR_INVALID, "line %d: more than %d fields", *line, CSV_FIELDS_MAX);
				return CSV_BAD;
			}
			if (!field(row, csv, &row[*n], err))
				return CSV_BAD;
			empty = empty && !*row[*n];
			++*n;
			if (line_ends(csv))
				break;
		}
		skip_line_end(csv);
		if (!empty) {
			*fields = row;
			return CSV_ROW;
		}
	}
	return CSV_END;
}
