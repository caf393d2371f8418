#pragma once
/* app_configuration_inner - what app_configuration.c and app_configuration_fill.c share. */
#include "catalog/app_configuration.h"

/* *ret is the caller's. */
bool app_configuration_open(TALLOC_CTX *ctx, const struct sealer *sealer, const char *id, struct bytes sealed, json_t **ret,
			    struct err *err) CHECKED;

/* ["email", "username"]: its variables, as the row has them. */
const char *app_configuration_variables(TALLOC_CTX *ctx, const json_t *configuration);
