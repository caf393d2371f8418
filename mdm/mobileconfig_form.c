#include "mdm/mobileconfig_form.h"

static bool
not_yet(struct err *err)
{
	return err_code(err, ERR_INVALID, "bad_mobileconfig", "not here yet");
}

bool
mobileconfig_form_judge(const json_t *form, struct err *err)
{
	(void)form;
	return not_yet(err);
}

json_t *
mobileconfig_form_unfit(const json_t *form, const struct form_target *target)
{
	(void)form, (void)target;
	return json_array();
}

bool
mobileconfig_form_secret(const json_t *form)
{
	(void)form;
	return true;
}

json_t *
mobileconfig_form_variables(const json_t *form)
{
	(void)form;
	return json_array();
}

bool
mobileconfig_form_fill(const json_t *form, form_value *value, void *arg, json_t **ret, struct err *err)
{
	(void)form, (void)value, (void)arg, (void)ret;
	return not_yet(err);
}

bool
mobileconfig_form_write(TALLOC_CTX *ctx, const json_t *form, const char *identifier, struct bytes cert_der,
			struct buf *out, struct err *err)
{
	(void)ctx, (void)form, (void)identifier, (void)cert_der, (void)out;
	return not_yet(err);
}

bool
mobileconfig_form_read(TALLOC_CTX *ctx, struct bytes file, json_t **form, const char **identifier, const char **signer,
		       struct err *err)
{
	(void)ctx, (void)file, (void)form, (void)identifier, (void)signer;
	return not_yet(err);
}
