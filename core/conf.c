#include "core/conf.h"
#include "core/egress.h"
#include "core/file.h"
#include "core/num.h"
#include <confuse.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF_VALUE_MAX	4096	/* bytes of one text value */
#define CONF_FILE_MAX	(1 << 20)

enum when { start, live, seam };

static const struct row {
	enum { TEXT, NUMBER, YESNO } type;
	enum when when;
	const char *section, *key;
	const char *text;
	int64_t number, min, max;
	size_t at;		/* offset in struct conf */
	const char *help;
} rows[] = {
#define T(s, k, def, w, h)		{ TEXT, w, #s, #k, def, 0, 0, 0, offsetof(struct conf, s##_##k), h },
#define N(s, k, def, min, max, w, h)	{ NUMBER, w, #s, #k, NULL, def, min, max, offsetof(struct conf, s##_##k), h },
#define B(s, k, def, w, h)		{ YESNO, w, #s, #k, NULL, def, 0, 1, offsetof(struct conf, s##_##k), h },
	CONF_TABLE(T, N, B)
#undef T
#undef N
#undef B
};

#define ROWS (sizeof rows / sizeof *rows)

static void
put(struct conf *conf, const struct row *row, const char *text, int64_t number)
{
	void *at = (char *)conf + row->at;

	switch (row->type) {
	case TEXT:	*(const char **)at = mem_text(conf, text); break;
	case NUMBER:	*(int64_t *)at = number; break;
	case YESNO:	*(bool *)at = number != 0; break;
	}
}

static const char *
get_text(const struct conf *conf, const struct row *row)
{
	return *(const char *const *)(const void *)((const char *)conf + row->at);
}

static bool
get_yesno(const struct conf *conf, const struct row *row)
{
	return *(const bool *)(const void *)((const char *)conf + row->at);
}

/* libconfuse reports through a callback without a closure, and inside a section without the file's
 * name: the err and the file of this thread's reading. */
static _Thread_local struct err *reading;
static _Thread_local const char *reading_file;

static void PRINTF(2, 0)
report(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[200];

	if (reading->kind)
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	err_set(reading, ERR_INVALID, "%s:%d: %s", reading_file, cfg->line, text);
}

/* How many letters differ, for "did you mean"; both shorter than 32. */
static size_t
distance(const char *a, const char *b)
{
	size_t n = strlen(b), row[33];

	if (n > 31 || strlen(a) > 31)
		return 99;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t before = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t here = before + (a[i - 1] != b[j - 1]);

			before = row[j];
			if (row[j] + 1 < here)
				here = row[j] + 1;
			if (row[j - 1] + 1 < here)
				here = row[j - 1] + 1;
			row[j] = here;
		}
	}
	return row[n];
}

static void
suggest(struct err *err)
{
	const char *from = strstr(err->cause, "no such option '");
	char name[32];
	size_t best = 3, used = strlen(err->cause);
	const struct row *found = NULL;

	if (!from || sscanf(from, "no such option '%31[^']'", name) != 1)
		return;
	for (size_t i = 0; i < ROWS; i++)
		for (int k = 0; k < 2; k++) {
			size_t d = distance(name, k ? rows[i].section : rows[i].key);

			if (d < best) {
				best = d;
				found = &rows[i];
			}
		}
	if (found)
		snprintf(err->cause + used, sizeof err->cause - used, "; did you mean %s { %s }?",
			 found->section, found->key);
	else
		snprintf(err->cause + used, sizeof err->cause - used,
			 "; pomona --config-help lists them all");
}

static const struct row *
row_of(const char *section, const char *key)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].section, section) == 0 && strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

static int
check_range(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct row *row = row_of(cfg_name(cfg), opt->name);
	long value = cfg_opt_getnint(opt, 0);

	if (row && (value < row->min || value > row->max)) {
		cfg_error(cfg, "%s.%s is %ld, not between %lld and %lld", row->section, row->key, value,
			  (long long)row->min, (long long)row->max);
		return -1;
	}
	return 0;
}

/* The option tables of libconfuse, made from ours. */
static cfg_opt_t *
options(TALLOC_CTX *ctx)
{
	cfg_opt_t *top = mem_array(ctx, cfg_opt_t, ROWS + 1);
	size_t sections = 0;

	for (size_t i = 0; i < ROWS;) {
		const char *section = rows[i].section;
		cfg_opt_t *inner = mem_array(ctx, cfg_opt_t, ROWS + 1);
		size_t n = 0;

		for (; i < ROWS && strcmp(rows[i].section, section) == 0; i++)
			switch (rows[i].type) {
			case TEXT:	inner[n++] = (cfg_opt_t)CFG_STR(rows[i].key, rows[i].text, CFGF_NONE); break;
			case NUMBER:	inner[n++] = (cfg_opt_t)CFG_INT(rows[i].key, rows[i].number, CFGF_NONE); break;
			case YESNO:	inner[n++] = (cfg_opt_t)CFG_BOOL(rows[i].key, rows[i].number, CFGF_NONE); break;
			}
		inner[n] = (cfg_opt_t)CFG_END();
		top[sections++] = (cfg_opt_t)CFG_SEC(section, inner, CFGF_NONE);
	}
	top[sections] = (cfg_opt_t)CFG_END();
	return top;
}

/*
 * The file with its line comments blanked: libconfuse 3.3 counts their lines three times, and what
 * it then says is wrong stands elsewhere.
 */
static bool
read_text(TALLOC_CTX *ctx, const char *path, char **ret, struct err *err)
{
	struct bytes bytes;
	char quote = '\0', before = '\n', *text;

	if (!file_read(ctx, path, CONF_FILE_MAX, &bytes, err))
		return err_at(err, "configuration");
	text = (char *)(uintptr_t)bytes.p;
	for (char *c = text; *c; before = *c++) {
		if (quote) {
			if (*c == '\\' && c[1])
				c++;
			else if (*c == quote)
				quote = '\0';
		} else if (*c == '"' || *c == '\'') {
			quote = *c;
		} else if (*c == '#' || (*c == '/' && c[1] == '/' && strchr(" \t\r\n={}(),+", before))) {
			for (; *c && *c != '\n'; c++)
				*c = ' ';
			if (!*c)
				break;
		}
	}
	*ret = text;
	return true;
}

static void
free_cfg(cfg_t **cfg)
{
	cfg_free(*cfg);
}

static bool
read_file(struct conf *conf, const char *file, struct err *err)
{
	void *opts SCOPED(mem) = talloc_new(NULL);
	cfg_t *cfg __attribute__((cleanup(free_cfg))) = cfg_init(options(opts), CFGF_NONE);
	char *text = NULL;
	int rc;

	if (!read_text(opts, file, &text, err))
		return false;
	reading = err;
	reading_file = file;
	err->kind = ERR_NONE;
	cfg_set_error_function(cfg, report);
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].type == NUMBER) {
			char name[80];

			snprintf(name, sizeof name, "%s|%s", rows[i].section, rows[i].key);
			cfg_set_validate_func(cfg, name, check_range);
		}
	rc = cfg_parse_buf(cfg, text);
	if (rc != CFG_SUCCESS) {
		if (!err->kind)
			err_set(err, ERR_INVALID, "%s: cannot be read as a configuration", file);
		suggest(err);
		return false;
	}
	for (size_t i = 0; i < ROWS; i++) {
		cfg_t *section = cfg_getsec(cfg, rows[i].section);

		switch (rows[i].type) {
		case TEXT:	put(conf, &rows[i], cfg_getstr(section, rows[i].key), 0); break;
		case NUMBER:	put(conf, &rows[i], NULL, cfg_getint(section, rows[i].key)); break;
		case YESNO:	put(conf, &rows[i], NULL, cfg_getbool(section, rows[i].key)); break;
		}
	}
	return true;
}

static bool
read_secret(TALLOC_CTX *ctx, const char *path, char **ret, struct err *err)
{
	struct bytes text;

	if (!file_read(ctx, path, CONF_VALUE_MAX - 1, &text, err))
		return false;
	*ret = (char *)(uintptr_t)text.p;
	(*ret)[strcspn(*ret, "\r\n")] = '\0';
	return true;
}

static bool
put_text(struct conf *conf, const struct row *row, const char *text, struct err *err)
{
	int64_t number = 0;

	switch (row->type) {
	case TEXT:
		break;
	case NUMBER:
		if (!num_parse(text, row->min, row->max, &number, err))
			return false;
		break;
	case YESNO:
		number = strcasecmp(text, "yes") == 0 || strcasecmp(text, "true") == 0 ||
			 strcasecmp(text, "on") == 0;
		if (!number && strcasecmp(text, "no") != 0 && strcasecmp(text, "false") != 0 &&
		    strcasecmp(text, "off") != 0)
			return err_set(err, ERR_INVALID, "\"%.40s\" is neither yes nor no", text);
		break;
	}
	put(conf, row, text, number);
	return true;
}

static bool
read_environment(struct conf *conf, struct err *err)
{
	for (size_t i = 0; i < ROWS; i++) {
		char name[80], with_file[90];
		const char *value, *path;
		char *secret;

		snprintf(name, sizeof name, "POMONA__%s__%s", rows[i].section, rows[i].key);
		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		snprintf(with_file, sizeof with_file, "%s__FILE", name);
		if ((path = getenv(with_file))) {
			if (!read_secret(conf, path, &secret, err))
				return err_at(err, "%s", with_file);
			value = secret;
		} else if (!(value = getenv(name))) {
			continue;
		}
		if (!put_text(conf, &rows[i], value, err))
			return err_at(err, "%s", name);
	}
	return true;
}

/* A misspelt variable must not be ignored in silence. */
static bool
check_environment(struct err *err)
{
	extern char **environ;

	for (char **e = environ; *e; e++) {
		bool known = false;
		size_t len = strcspn(*e, "=");

		if (strncmp(*e, "POMONA__", 8) != 0)
			continue;
		for (size_t i = 0; i < ROWS && !known; i++) {
			char name[80];
			size_t n = (size_t)snprintf(name, sizeof name, "POMONA__%s__%s", rows[i].section,
						    rows[i].key);

			known = strncasecmp(*e, name, n) == 0 &&
				(len == n || (len == n + 6 && strncmp(*e + n, "__FILE", 6) == 0));
		}
		if (!known)
			return err_set(err, ERR_INVALID, "environment: %.*s is no setting; "
				       "pomona --config-help lists them all", (int)len, *e);
	}
	return true;
}

/* Two settings are for tests by their value alone. */
static bool
is_seam(const struct conf *conf, const struct row *row)
{
	if (strcmp(row->section, "egress") == 0)
		return egress_allow_seam(conf->egress_allow);
	if (strcmp(row->section, "sms") == 0 && strcmp(row->key, "url") == 0)
		return *conf->sms_url && strcmp(conf->sms_driver, "twilio") == 0;
	return row->when == seam && (row->type == YESNO ? get_yesno(conf, row) : *get_text(conf, row) != '\0');
}

static void
name_seams(struct conf *conf)
{
	conf->seams = mem_text(conf, "");
	for (size_t i = 0; i < ROWS; i++)
		if (is_seam(conf, &rows[i]))
			conf->seams = mem_printf(conf, "%s%s%s.%s", conf->seams,
						 *conf->seams ? " " : "", rows[i].section, rows[i].key);
}

bool
conf_read(TALLOC_CTX *ctx, const char *file, struct conf **ret, struct err *err)
{
	struct conf *conf = mem_new(ctx, struct conf);

	for (size_t i = 0; i < ROWS; i++)
		put(conf, &rows[i], rows[i].text, rows[i].number);
	conf->file = mem_text(conf, file ? file : "");
	if ((file && !read_file(conf, file, err)) || !check_environment(err) ||
	    !read_environment(conf, err)) {
		talloc_free(conf);
		return false;
	}
	if (!egress_allow_check(conf->egress_allow, err)) {
		talloc_free(conf);
		return false;
	}
	name_seams(conf);
	*ret = conf;
	return true;
}

bool
conf_reread(TALLOC_CTX *ctx, const struct conf *running, struct conf **ret, struct err *err)
{
	if (!conf_read(ctx, *running->file ? running->file : NULL, ret, err))
		return false;
	for (size_t i = 0; i < ROWS; i++) {
		const char *from = (const char *)running + rows[i].at;

		if (rows[i].when == live)
			continue;
		switch (rows[i].type) {
		case TEXT:	put(*ret, &rows[i], get_text(running, &rows[i]), 0); break;
		case NUMBER:	put(*ret, &rows[i], NULL, *(const int64_t *)(const void *)from); break;
		case YESNO:	put(*ret, &rows[i], NULL, *(const bool *)from); break;
		}
	}
	name_seams(*ret);
	return true;
}

bool
conf_number(const struct conf *conf, const char *name, int64_t *ret)
{
	for (size_t i = 0; i < ROWS; i++) {
		char dotted[80];

		snprintf(dotted, sizeof dotted, "%s.%s", rows[i].section, rows[i].key);
		if (rows[i].type == NUMBER && strcmp(dotted, name) == 0) {
			*ret = *(const int64_t *)(const void *)((const char *)conf + rows[i].at);
			return true;
		}
	}
	return false;
}

void
conf_help(void)
{
	static const char *const whens[] = { "at start", "SIGHUP", "for tests" };

	puts("# Settings: a file `section { key = value }`, or POMONA__SECTION__KEY in the environment\n"
	     "# (POMONA__SECTION__KEY__FILE names a file that holds the value).");
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];

		printf("\n%s.%s\n    %s.\n    ", row->section, row->key, row->help);
		switch (row->type) {
		case TEXT:	printf("text, default \"%s\"", row->text); break;
		case YESNO:	printf("yes or no, default %s", row->number ? "yes" : "no"); break;
		case NUMBER:
			printf("%lld to %lld, default %lld", (long long)row->min, (long long)row->max,
			       (long long)row->number);
			break;
		}
		printf("; read %s\n", whens[row->when]);
	}
}
