/* A person's own mobileconfig, written once it is given: the identity's payload goes in front of the others. */
#include "core/json.h"
#include "mdm/mobileconfig_form.h"
#include "mdm/p12.h"
#include "web/own_house.h"

static json_t *
data_json(TALLOC_CTX *ctx, struct bytes data)
{
	struct buf text;

	buf_init(&text, ctx, 2 * P12_BYTES_MAX);
	buf_base64(&text, data.p, data.len);
	return json_pack("{s:s}", "$data", buf_str(&text));
}

static json_t *
scep_keys(TALLOC_CTX *ctx, const struct own_filled *f)
{
	struct payload_scep scep = phase_scep(&f->gift.offered, f->subject);
	json_t *subject = json_array(), *names = json_object(), *content;

	for (const struct payload_part *part = scep.subject; part->type; part++)
		json_array_append_new(subject, json_pack("[[s, s]]", part->type, part->value));
	if (*f->gift.upn)
		json_object_set_new(names, "ntPrincipalName", json_string(f->gift.upn));
	if (*f->gift.email)
		json_object_set_new(names, "rfc822Name", json_string(f->gift.email));
	content = json_pack("{s:s, s:o, s:s, s:i, s:s, s:i, s:i, s:i, s:b}", "URL", scep.url, "Subject", subject,
		"Challenge", scep.challenge ? scep.challenge : "", "Keysize", SCEP_KEY_SIZE, "Key Type", "RSA",
		"Key Usage", SCEP_KEY_USAGE, "Retries", scep.retries, "RetryDelay", scep.retry_s, "KeyIsExtractable", 0);
	if (json_object_size(names))
		json_object_set(content, "SubjectAltName", names);
	json_decref(names);
	if (scep.ca_sha256.len)
		json_object_set_new(content, "CAFingerprint", data_json(ctx, scep.ca_sha256));
	return json_pack("{s:o}", "PayloadContent", content);
}

static json_t *
pkcs12_keys(TALLOC_CTX *ctx, const struct own_filled *f)
{
	return json_pack("{s:o, s:s, s:s}", "PayloadContent", data_json(ctx, f->p12), "Password", f->p12_password,
			 "PayloadCertificateFileName", "identity.p12");
}

bool
own_write(TALLOC_CTX *ctx, struct own_filled *f, struct bytes cert_der, struct buf *out, struct err *err)
{
	bool scep = f->gift.way == OWN_SCEP;

	if (f->gift.way != OWN_NONE)
		json_array_insert_new(json_object_get(f->form, "payloads"), 0, json_pack("{s:s, s:s, s:s, s:o}",
			"id", OWN_IDENTITY, "type", scep ? PAYLOAD_SCEP : OWN_TYPE_PKCS12, "name", f->gift.put.title,
			"keys", scep ? scep_keys(ctx, f) : pkcs12_keys(ctx, f)));
	return mobileconfig_form_write(ctx, f->form, f->gift.put.identifier, cert_der, out, err);
}
