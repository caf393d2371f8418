/*
 * The words of XML property lists: <integer>, <real> and <date>, as strict as both readers need.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/plist_gate.h"

/* Decimal or hexadecimal as libplist reads them; it would take a leading 0 for octal. */
static bool
integer_is_read_alike(const char *text)
{
	bool negative = *text == '-';
	char *end;

	if (*text == '-' || *text == '+')
		text++;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		text += 2;
		return *text && strlen(text) <= 16 && strspn(text, "0123456789abcdefABCDEF") == strlen(text);
	}
	if (!*text || strlen(text) > 20 || strspn(text, "0123456789") != strlen(text))
		return false;
	if (text[0] == '0' && text[1])
		return false;
	if (strlen(text) == 20 && strcmp(text, "18446744073709551615") > 0)
		return false;
	return !negative || strtoull(text, &end, 10) <= (uint64_t)INT64_MAX + 1;
}

static bool
date_is_whole(const char *text)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	static const struct {
		int at, min, max;
	} parts[] = { { 5, 1, 12 }, { 8, 1, 31 }, { 11, 0, 23 }, { 14, 0, 59 }, { 17, 0, 60 } };

	if (strlen(text) != sizeof shape - 1)
		return false;
	for (size_t i = 0; i < sizeof shape - 1; i++)
		if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
			return false;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		int value = (text[parts[i].at] - '0') * 10 + text[parts[i].at + 1] - '0';

		if (value < parts[i].min || value > parts[i].max)
			return false;
	}
	return true;
}

static bool
real_is_number(const char *text)
{
	static const char *const words[] = { "nan", "inf", "+inf", "-inf", "infinity", "+infinity",
					     "-infinity" };
	char *end;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
		return false;
	(void)strtod(text, &end);
	return *end == '\0';
}

bool
plist_word_is(const char *tag, const char *text)
{
	if (strcmp(tag, "integer") == 0)
		return integer_is_read_alike(text);
	return strcmp(tag, "date") == 0 ? date_is_whole(text) : real_is_number(text);
}
