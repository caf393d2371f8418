/*
 * A child that a file has taken over can write anything, so its answer is read like any stranger's:
 * lengths are compared with what is left, and facts that lack what all others rely on are nonsense.
 */
#include "ipa/answer.h"
#include "ipa/info.h"
#include <stdlib.h>
#include <string.h>

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"

static void
put_section(struct buf *out, struct bytes section)
{
	unsigned char len[4] = { (unsigned char)(section.len >> 24),
				 (unsigned char)(section.len >> 16),
				 (unsigned char)(section.len >> 8), (unsigned char)section.len };

	buf_add(out, len, sizeof len);
	buf_add(out, section.p, section.len);
}

static json_t *
error_json(TALLOC_CTX *ctx, const struct err *err)
{
	char text[520];

	/* The text may quote names of members. */
	return json_pack("{s:{s:s, s:s, s:b}}", "error", "code", err->code, "text",
			 info_clean(ctx, err_text(err, text, sizeof text), sizeof text), "ours",
			 err->kind != ERR_INVALID);
}

void
answer_write(struct buf *out, const struct inspect *inspect, const struct err *err)
{
	json_t *json = inspect ? json_incref(inspect->facts) : error_json(out->ctx, err);
	char *text = mem_must(json_dumps(json, JSON_COMPACT));

	put_section(out, (struct bytes){ text, strlen(text) });
	for (int i = 0; i < ICON_SIZES; i++)
		put_section(out, inspect ? inspect->icons[i] : (struct bytes){ 0 });
	free(text);
	json_decref(json);
}

static bool
next_section(struct bytes *left, struct bytes *section)
{
	const unsigned char *p = left->p;
	size_t len;

	if (left->len < 4)
		return false;
	len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (len > left->len - 4)
		return false;
	*section = (struct bytes){ p + 4, len };
	*left = (struct bytes){ p + 4 + len, left->len - 4 - len };
	return true;
}

static bool
is_png(struct bytes bytes)
{
	return !bytes.len || (bytes.len > 8 && memcmp(bytes.p, PNG_SIGNATURE, 8) == 0);
}

static int
release(struct inspect *inspect)
{
	json_decref(inspect->facts);
	return 0;
}

static enum answer
read_error(json_t *error, struct err *err)
{
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *text = json_string_value(json_object_get(error, "text"));

	if (!code || !text || code[strspn(code, "abcdefghijklmnopqrstuvwxyz_")] != '\0')
		return ANSWER_NONSENSE;
	err_code(err, json_is_true(json_object_get(error, "ours")) ? ERR_INTERNAL : ERR_INVALID,
		 code, "%s", text);
	return ANSWER_REFUSED;
}

/* What all others rely on is there. */
static bool
is_whole(const json_t *facts, bool alone)
{
	const json_t *provision = json_object_get(facts, "provision");

	if (alone)
		return json_is_string(json_object_get(provision, "uuid")) && json_is_string(json_object_get(provision, "file"));
	return json_is_string(json_object_get(facts, "bundle_id")) && json_is_object(json_object_get(facts, "verdict"));
}

enum answer
answer_read(TALLOC_CTX *ctx, struct bytes answer, bool alone, struct inspect **ret, struct err *err)
{
	SCOPED(mem) TALLOC_CTX *tmp = talloc_new(NULL);
	struct inspect *inspect = mem_new(tmp, struct inspect);
	struct bytes json = { 0 }, icons[ICON_SIZES] = { 0 };
	bool whole = next_section(&answer, &json);

	for (int i = 0; i < ICON_SIZES; i++)
		whole = whole && next_section(&answer, &icons[i]) && is_png(icons[i]);
	if (!whole || answer.len)
		return ANSWER_NONSENSE;
	inspect->facts = json_loadb(json.p, json.len, JSON_REJECT_DUPLICATES, NULL);
	talloc_set_destructor(inspect, release);
	if (json_object_get(inspect->facts, "error"))
		return read_error(json_object_get(inspect->facts, "error"), err);
	if (!is_whole(inspect->facts, alone))
		return ANSWER_NONSENSE;
	for (int i = 0; i < ICON_SIZES; i++)
		inspect->icons[i] =
			(struct bytes){ mem_copy(inspect, icons[i].p, icons[i].len), icons[i].len };
	*ret = talloc_steal(ctx, inspect);
	return ANSWER_FACTS;
}
