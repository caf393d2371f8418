/*
 * Mobileconfigs made elsewhere, and forms as JSON: what is taken is shown without its secrets and gets them back,
 * is filled, written, and read again as a property list; what is not, says why.
 */
#include <assert.h>
#include <string.h>
#include "core/plist.h"
#include "mdm/mobileconfig_form.h"
#include "tests/fuzz/fuzz.h"

static const char *
value(void *arg, const char *name)
{
	(void)arg;
	return *name == 'u' ? "<v%x%&>" : NULL;
}

static void
check_written(TALLOC_CTX *ctx, const json_t *form)
{
	plist_t root SCOPED(plist) = NULL;
	struct err err = { 0 };
	json_t *filled;
	struct buf out;

	if (!mobileconfig_form_fill(form, value, NULL, &filled, &err)) {
		assert(err.kind == ERR_CONFLICT || err.kind == ERR_LIMIT);
		return;
	}
	buf_init(&out, ctx, FORM_OUT_MAX);
	if (mobileconfig_form_write(ctx, filled, "com.example.fuzz", (struct bytes){ 0 }, &out, &err)) {
		assert(!mobileconfig_form_secret(filled));
		/* Deeper or with more nodes than we would read again, perhaps; never torn. */
		if (!plist_open((struct bytes){ out.p, out.len }, FORM_OUT_MAX, &root, &err))
			assert(strcmp(err.code, "hostile_plist") == 0);
	} else {
		assert(err.kind != ERR_NONE && err.kind != ERR_INTERNAL && *err.cause);
	}
	json_decref(filled);
}

static void
check(TALLOC_CTX *ctx, const json_t *form)
{
	json_t *masked = mobileconfig_form_masked(form), *back, *texts;
	struct err err = { 0 };

	if (mobileconfig_form_kept(masked, form, &back, &err)) {
		assert(json_equal(form, back));
		json_decref(back);
	} else {
		assert(err.kind == ERR_INVALID);
	}
	texts = mobileconfig_form_unfit(form, &(struct form_target){ "12.0", 0 });
	json_decref(texts);
	texts = mobileconfig_form_warnings(form);
	json_decref(texts);
	check_written(ctx, form);
	json_decref(masked);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *identifier, *signer;
	struct err err = { 0 };
	json_t *form;

	if (mobileconfig_form_read(ctx, (struct bytes){ p, len }, &form, &identifier, &signer, &err)) {
		assert(*identifier);
		assert(mobileconfig_form_judge(form, &err));
		check(ctx, form);
		json_decref(form);
	} else {
		assert(err.kind != ERR_NONE && err.kind != ERR_INTERNAL && *err.cause);
	}
	form = json_loadb((const char *)p, len, JSON_REJECT_DUPLICATES, NULL);
	if (form && mobileconfig_form_judge(form, &err))
		check(ctx, form);
	json_decref(form);
	return 0;
}
