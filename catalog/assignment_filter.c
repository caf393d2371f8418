#include "catalog/assignment_filter.h"
#include "core/text.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum answer { NO, YES, UNKNOWN };

/* ---- is it one? ---- */

static const struct pattern {
	const char *name;
	size_t at;
} patterns[] = {
	{ "product", offsetof(struct filter_facts, product) }, { "model", offsetof(struct filter_facts, model) },
	{ "name", offsetof(struct filter_facts, name) }, { "serial", offsetof(struct filter_facts, serial) },
	{ "udid", offsetof(struct filter_facts, udid) },
};

static const struct pattern *
pattern_of(const char *name)
{
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
		if (strcmp(patterns[i].name, name) == 0)
			return &patterns[i];
	return NULL;
}

static bool
bad(struct err *err, const char *name, const char *what)
{
	return err_code(err, ERR_INVALID, "bad_filter", "\"%.40s\" %s", name, what);
}

static bool
check_pattern(const char *name, const json_t *value, struct err *err)
{
	const json_t *item;
	size_t i;

	if (json_is_string(value))
		return true;
	if (!json_is_array(value) || !json_array_size(value) || json_array_size(value) > FILTER_LIST_MAX)
		return bad(err, name, "is followed by a text, or a list of 1 to 100");
	json_array_foreach((json_t *)(uintptr_t)value, i, item)
		if (!json_is_string(item))
			return bad(err, name, "is followed by texts");
	return true;
}

/* "16", "16.4.1" */
static bool
is_version(const char *text)
{
	return text && *text >= '0' && *text <= '9' && strlen(text) <= 20 && strspn(text, "0123456789.") == strlen(text) &&
	       !strstr(text, "..") && text[strlen(text) - 1] != '.';
}

static bool
check_os(const json_t *value, struct err *err)
{
	const char *name;
	json_t *item;

	if (!json_object_size(value))
		return bad(err, "os", "is followed by {\"from\": \"16\", \"below\": \"19\"}, or one of the two");
	json_object_foreach((json_t *)(uintptr_t)value, name, item) {
		if (strcmp(name, "from") != 0 && strcmp(name, "below") != 0)
			return bad(err, name, "is none of from and below");
		if (!is_version(json_string_value(item)))
			return bad(err, name, "is followed by a version such as \"17.4\"");
	}
	return true;
}

static bool check(const json_t *filter, int depth, struct err *err);

/* One, or a list of which none may fit. */
static bool
check_not(const json_t *not, int depth, struct err *err)
{
	const json_t *one;
	size_t i;

	if (!json_is_array(not))
		return check(not, depth, err);
	if (!json_array_size(not) || json_array_size(not) > FILTER_LIST_MAX)
		return bad(err, "not", "is followed by an object, or a list of 1 to 100");
	json_array_foreach((json_t *)(uintptr_t)not, i, one)
		if (!check(one, depth, err))
			return false;
	return true;
}

static bool
check(const json_t *filter, int depth, struct err *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(filter))
		return err_code(err, ERR_INVALID, "bad_filter", "a filter of devices is an object; {} is all of them");
	if (depth > FILTER_DEPTH_MAX)
		return bad(err, "not", "stands too deep");
	json_object_foreach((json_t *)(uintptr_t)filter, name, value) {
		const char *text = json_string_value(value);
		bool ok = pattern_of(name) ? check_pattern(name, value, err)
			: strcmp(name, "os") == 0 ? check_os(value, err)
			: strcmp(name, "not") == 0 ? check_not(value, depth + 1, err)
			: strcmp(name, "supervised") == 0 ? json_is_boolean(value) || bad(err, name, "is followed by true or false")
			: strcmp(name, "kind") == 0 ? (text && (strcmp(text, "device") == 0 || strcmp(text, "user") == 0)) ||
						      bad(err, name, "is followed by \"device\" or \"user\"")
			: bad(err, name, "is none of product, model, name, serial, udid, os, supervised, kind and not");

		if (!ok)
			return false;
	}
	return true;
}

bool
assignment_filter_check(const json_t *filter, struct err *err)
{
	if (!check(filter, 0, err))
		return err_at(err, "devices");
	return json_dumpb(filter, NULL, 0, JSON_COMPACT) <= FILTER_BYTES_MAX ||
	       err_code(err, ERR_INVALID, "bad_filter", "a filter of devices has at most %d bytes", FILTER_BYTES_MAX);
}

/* ---- does it fit? ---- */

/* Both folded; linear but for one step back to the last star. */
static bool
matches(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

static enum answer
fits_pattern(const json_t *value, const char *fact)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *folded = fact && *fact ? text_fold(ctx, fact) : NULL;
	json_t *item;
	size_t i;

	if (!folded)
		return UNKNOWN;
	if (json_is_string(value))
		return matches(text_fold(ctx, json_string_value(value)), folded) ? YES : NO;
	json_array_foreach((json_t *)(uintptr_t)value, i, item)
		if (matches(text_fold(ctx, json_string_value(item)), folded))
			return YES;
	return NO;
}

static int
compare(const char *a, const char *b)
{
	while (*a || *b) {
		char *a_end, *b_end;
		unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);

		if (x != y)
			return x < y ? -1 : 1;
		a = *a_end == '.' ? a_end + 1 : "";
		b = *b_end == '.' ? b_end + 1 : "";
	}
	return 0;
}

static enum answer
fits_os(const json_t *value, const char *os)
{
	const char *from = json_string_value(json_object_get(value, "from"));
	const char *below = json_string_value(json_object_get(value, "below"));

	if (!os || !is_version(os))
		return UNKNOWN;
	return (!from || compare(os, from) >= 0) && (!below || compare(os, below) < 0) ? YES : NO;
}

static enum answer
same(const char *value, const char *fact)
{
	return !fact || !*fact ? UNKNOWN : strcmp(value, fact) == 0 ? YES : NO;
}

static enum answer fits(const json_t *filter, const struct filter_facts *facts);

static enum answer
fits_not(const json_t *not, const struct filter_facts *facts)
{
	enum answer all = YES, one;
	const json_t *item;
	size_t i;

	if (!json_is_array(not)) {
		one = fits(not, facts);
		return one == UNKNOWN ? UNKNOWN : one == YES ? NO : YES;
	}
	json_array_foreach((json_t *)(uintptr_t)not, i, item) {
		one = fits(item, facts);
		if (one == YES)
			return NO;
		if (one == UNKNOWN)
			all = UNKNOWN;
	}
	return all;
}

static enum answer
fits(const json_t *filter, const struct filter_facts *facts)
{
	enum answer all = YES;
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)filter, name, value) {
		const struct pattern *p = pattern_of(name);
		enum answer one = p ? fits_pattern(value, *(const char *const *)((const char *)facts + p->at))
			: strcmp(name, "os") == 0 ? fits_os(value, facts->os_version)
			: strcmp(name, "kind") == 0 ? same(json_string_value(value), facts->kind)
			: strcmp(name, "supervised") == 0
				? facts->supervised < 0 ? UNKNOWN : !!facts->supervised == json_is_true(value) ? YES : NO
			: fits_not(value, facts);

		if (one == NO)
			return NO;
		if (one == UNKNOWN)
			all = UNKNOWN;
	}
	return all;
}

bool
assignment_filter_fits(const json_t *filter, const struct filter_facts *facts)
{
	return fits(filter, facts) == YES;
}
