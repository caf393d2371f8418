#include "core/log.h"
#include "core/clock.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 4096	/* longer lines are cut, never split */

static enum log_level least_level = LOG_INFO_;
static bool as_json;
static _Thread_local const char *request_id;

struct line {
	char text[LOG_LINE_MAX];
	size_t len;
};

void
log_setup(enum log_level least, bool json)
{
	least_level = least;
	as_json = json;
}

void
log_request(const char *id)
{
	request_id = id;
}

static void
add(struct line *line, const char *text, size_t len)
{
	size_t room = sizeof line->text - 3 - line->len;	/* for a quote, a brace, the newline */

	if (len > room)
		len = room;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void
add_text(struct line *line, const char *text)
{
	add(line, text, strlen(text));
}

/* Control characters never reach a terminal or split a line. */
static void
add_quoted(struct line *line, const char *text)
{
	add_text(line, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char escaped[8];

		if (c == '"' || c == '\\')
			snprintf(escaped, sizeof escaped, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			snprintf(escaped, sizeof escaped, "\\u%04x", c);
		else
			snprintf(escaped, sizeof escaped, "%c", c);
		add_text(line, escaped);
	}
	add_text(line, "\"");
}

static void
add_pair(struct line *line, const char *key, const char *text, bool quote)
{
	if (line->len > (as_json ? 1u : 0u))
		add_text(line, as_json ? "," : " ");
	if (as_json)
		add_quoted(line, key);
	else
		add_text(line, key);
	add_text(line, as_json ? ":" : "=");
	if (quote && (as_json || !*text || strpbrk(text, " \"\\=\n\r\t\x7f")))
		add_quoted(line, text);
	else if (quote && strcspn(text, "\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x1b") < strlen(text))
		add_quoted(line, text);
	else
		add_text(line, text);
}

void
log_write(enum log_level level, const char *msg, const struct log_kv *kvs)
{
	static const char *const levels[] = { "debug", "info", "warn", "error" };
	struct line line = { .len = 0 };
	char at[CLOCK_ISO_SIZE], number[24];

	if (level < least_level)
		return;
	if (as_json)
		add_text(&line, "{");
	add_pair(&line, "at", clock_iso(time(NULL), at), true);
	add_pair(&line, "level", levels[level], true);
	if (request_id)
		add_pair(&line, "request", request_id, true);
	add_pair(&line, "msg", msg, true);
	for (; kvs->type != LOG_END; kvs++) {
		snprintf(number, sizeof number, "%lld", (long long)kvs->number);
		add_pair(&line, kvs->key,
			 kvs->type == LOG_INT ? number : kvs->type == LOG_SECRET ? "***" :
			 kvs->text ? kvs->text : "", kvs->type != LOG_INT);
	}
	if (as_json)
		line.text[line.len++] = '}';
	line.text[line.len++] = '\n';
	for (size_t done = 0; done < line.len;) {
		ssize_t n = write(STDERR_FILENO, line.text + done, line.len - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
}

void
log_write_err(const char *msg, const struct err *err, const struct log_kv *kvs)
{
	struct log_kv all[16];
	char text[sizeof err->path + sizeof err->cause + 2];
	size_t n = 0;

	for (; kvs->type != LOG_END && n < 13; kvs++)
		all[n++] = *kvs;
	all[n++] = KV("code", err->code);
	all[n++] = KV("err", err_text(err, text, sizeof text));
	all[n] = (struct log_kv){ .type = LOG_END };
	log_write(err->kind == ERR_INTERNAL ? LOG_ERROR_ : LOG_WARN_, msg, all);
}
