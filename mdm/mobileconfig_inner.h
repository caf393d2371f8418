#pragma once
/* mobileconfig_inner - what the files of mobileconfig_form.h share. */
#include "mdm/mobileconfig_form.h"
#include "mdm/payload_fact.h"

#define FORM_BAD(...) err_code(err, ERR_INVALID, "bad_mobileconfig", __VA_ARGS__)

#define FORM_REMOVAL_ID		"removal-password"	/* of the payload that is made of removal_password */
#define FORM_REMOVAL_TYPE	"com.apple.profileRemovalPassword"

bool form_open(const char *text);	/* does a variable stand in it? */

/* The payload of this id; NULL: none. */
const json_t *form_payload(const json_t *form, const char *id);
/* "wifi (com.apple.wifi.managed)", for errors. */
const char *form_payload_name(TALLOC_CTX *ctx, const json_t *payload);

/* What the facts do not say: certificates in their form, a web clip's icon, SCEP without a query ... */
bool form_check(TALLOC_CTX *ctx, const json_t *form, const json_t *payload, struct err *err) CHECKED;
/* May the payload that is referred to stand under this key?  Identities and authorities are told apart. */
bool form_refers(const char *key, const char *type, struct err *err) CHECKED;

/* With dots in the place of each secret; the caller's. */
json_t *form_veiled(const json_t *form);

/* Does a payload pass for one that was made here? */
bool form_fits(const json_t *form, const json_t *payload);

/* One text for each foreign payload that the facts do not know. */
void form_warn_foreign(const json_t *form, json_t *texts);
