#include "web/own_house.h"
#include "core/json.h"
#include "catalog/mobileconfig.h"
#include "catalog/person_attribute.h"
#include "core/secret.h"
#include "core/text.h"
#include "mdm/mobileconfig_form.h"
#include "mdm/p12.h"
#include "web/own_upn.h"
#include "web/rooms.h"
#include <openssl/rsa.h>
#include <string.h>

#define KEY_BITS	2048
#define UPN_MAX		256	/* bytes of userPrincipalName, and of an address */

#define TYPE_EAS	"com.apple.eas.account"

bool
own_check_conf(const struct conf *conf, struct err *err)
{
	static const int days[] = { 0, 1, 3, 7, 14, 31 };	/* Apple: MailNumberOfPastDaysToSync */
	enum own_way way;
	size_t i = 0;

	while (i < sizeof days / sizeof *days && days[i] != conf->eas_past_days)
		i++;
	if (i == sizeof days / sizeof *days)
		return err_set(err, ERR_INVALID, "eas.past_days: 1, 3, 7, 14, 31, or 0 for all");
	if (!own_way_read(conf->own_identity, &way))
		return err_set(err, ERR_INVALID, "own.identity: scep, pkcs12 or none, and not \"%.40s\"", conf->own_identity);
	return true;
}

/* ---- which there are ---- */

static char *
say(TALLOC_CTX *ctx, struct site *site, const char *language, const char *key)
{
	json_t *names = json_pack("{s:s}", "company", site_name(site));
	char *text = page_say(ctx, site->pages, language, key, names);

	json_decref(names);
	return text;
}

static void
add(TALLOC_CTX *ctx, struct own_templates *list, struct own_template one)
{
	list->all = mem_grow(ctx, list->all, struct own_template, list->n + 1);
	list->all[list->n++] = one;
}

bool
own_templates(TALLOC_CTX *ctx, struct site *site, const char *language, const char *person_id, struct own_templates *ret,
	      struct err *err)
{
	struct own_templates list = { 0 };
	json_t *kept, *one;
	size_t i;

	if (!mobileconfig_own(site->db, person_id, &kept, err))
		return false;
	if (*site_conf(site)->eas_host)
		add(ctx, &list, (struct own_template){ OWN_FROM_SETTINGS, say(ctx, site, language, "say_own_name"),
						       mobileconfig_identifier(ctx, site->base_url, "eas") });
	json_array_foreach(kept, i, one)
		add(ctx, &list, (struct own_template){ mem_text(ctx, text_of(one, "id")), mem_text(ctx, text_of(one, "title")),
						       mem_text(ctx, text_of(one, "identifier")) });
	json_decref(kept);
	*ret = list;
	return true;
}

bool
own_template(TALLOC_CTX *ctx, struct site *site, const char *language, const char *person_id, const char *id,
	     struct own_template *ret, struct err *err)
{
	struct own_templates list;

	if (!own_templates(ctx, site, language, person_id, &list, err))
		return false;
	for (size_t i = 0; i < list.n; i++)
		if (strcmp(list.all[i].id, id) == 0) {
			*ret = list.all[i];
			return true;
		}
	return err_set(err, ERR_MISSING, "no such mobileconfig");
}

/* Password is left out: iOS asks for it.  Apple: com.apple.eas.account. */
static json_t *
form_from_settings(TALLOC_CTX *ctx, struct site *site, const char *language, const struct own_template *template)
{
	const struct conf *conf = site_conf(site);
	json_t *keys = json_pack("{s:s, s:s, s:s, s:b, s:I}", "Host", conf->eas_host, "EmailAddress", "%email%",
				 "UserName", conf->eas_user_name, "SSL", 1, "MailNumberOfPastDaysToSync",
				 (json_int_t)conf->eas_past_days);

	if (strcmp(conf->own_identity, "none") != 0)
		json_object_set_new(keys, "PayloadCertificateUUID", json_pack("{s:s}", "$payload", OWN_IDENTITY));
	return json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:o}]}", "name", template->title, "description",
			 say(ctx, site, language, "say_own_what"), "organization", site_name(site),
			 "payloads", "id", "mail", "type", TYPE_EAS, "name", conf->eas_host, "keys", keys);
}

static bool
form_of(TALLOC_CTX *ctx, struct site *site, const char *language, const struct own_template *template, json_t **ret,
	struct err *err)
{
	if (strcmp(template->id, OWN_FROM_SETTINGS) != 0)
		return mobileconfig_read(ctx, site->db, site->sealer, template->id, 0, ret, NULL, err);
	*ret = json_hold(ctx, form_from_settings(ctx, site, language, template));
	return true;
}

/* ---- values ---- */

struct known {
	TALLOC_CTX *ctx;
	const struct own_target *target;
	struct values *values;
};

/* What the device said of itself wins. */
static const char *
value_of(void *arg, const char *name)
{
	const struct known *k = arg;
	const struct { const char *name, *value; } said[] = {
		{ "udid", k->target->udid }, { "serial", k->target->serial }, { "product", k->target->product },
		{ "device_name", k->target->device_name }, { "os_version", k->target->version },
	};

	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		if (strcmp(said[i].name, name) == 0 && *said[i].value)
			return said[i].value;
	return values_get(k->values, name);
}

/* ---- the identity ---- */

static bool
refers(const json_t *value, const char *id)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_object(value)) {
		if (strcmp(text_of(value, "$payload"), id) == 0)
			return true;
		json_object_foreach((json_t *)value, key, item)
			if (refers(item, id))
				return true;
	}
	json_array_foreach(value, i, item)
		if (refers(item, id))
			return true;
	return false;
}

bool
own_wants_identity(const json_t *form)
{
	json_t *payloads = json_object_get(form, "payloads"), *payload;
	size_t i;

	json_array_foreach(payloads, i, payload)
		if (strcmp(text_of(payload, "id"), OWN_IDENTITY) == 0)
			return true;
	return refers(payloads, OWN_IDENTITY);
}

/* Takes the payload of this id out. */
static bool
take_out(json_t *form, const char *id)
{
	json_t *payloads = json_object_get(form, "payloads");

	for (size_t i = 0; i < json_array_size(payloads); i++)
		if (strcmp(text_of(json_array_get(payloads, i), "id"), id) == 0)
			return json_array_remove(payloads, i) == 0;
	return false;
}

/* What holds a secret goes, and what refers to what has gone. */
static void
leave_secrets_out(json_t *form)
{
	json_t *payloads = json_object_get(form, "payloads");

	json_object_del(form, "removal_password");
	for (size_t i = 0; i < json_array_size(payloads); ) {
		json_t *alone = json_pack("{s:s, s:[O]}", "name", "x", "payloads", json_array_get(payloads, i));
		bool secret = mobileconfig_form_secret(alone);

		json_decref(alone);
		if (!secret) {
			i++;
			continue;
		}
		const char *id = json_string_value(json_object_get(json_array_get(payloads, i), "id"));
		json_t *kept = json_array();

		for (size_t k = 0; k < json_array_size(payloads); k++)
			if (k != i && !(id && refers(json_object_get(json_array_get(payloads, k), "keys"), id)))
				json_array_append(kept, json_array_get(payloads, k));
		json_array_clear(payloads);
		json_array_extend(payloads, kept);
		json_decref(kept);
		i = 0;
	}
}

/* The key is made here, and is gone with the answer: nothing of it is kept. */
static bool
make_pkcs12(TALLOC_CTX *ctx, struct site *site, struct own_filled *f, const char *name, struct err *err)
{
	EVP_PKEY *key SCOPED(evp_pkey) = EVP_RSA_gen(KEY_BITS);
	X509 *cert SCOPED(x509) = NULL;
	struct ca_wish wish = {
		.key = key, .purpose = CA_PERSON, .subject = f->gift.subject, .upn = f->gift.upn, .email = f->gift.email,
		.days = site_conf(site)->own_certificate_days,
	};

	if (!key)
		return err_openssl(err, ERR_INTERNAL, "make a key");
	f->p12_password = secret_token(ctx);
	return ca_issue(ctx, site->ca, &wish, &f->gift.cert, err) && x509_read_der(f->gift.cert->der, &cert, err) &&
	       p12_for_device(ctx, cert, key, NULL, text_cut(ctx, name, P12_NAME_MAX / 4), f->p12_password, &f->p12, err);
}

/*
 * Does the form want a certificate?  Then what its SAN says stands in its payload's place while variables are filled, so
 * that all that is missing is named at once.
 */
static bool
ask_names(struct site *site, json_t *form, enum own_way *ret, struct err *err)
{
	json_t *payloads = json_object_get(form, "payloads");
	bool referred = refers(payloads, OWN_IDENTITY);

	*ret = OWN_NONE;
	if (!take_out(form, OWN_IDENTITY) && !referred)
		return true;
	if (!own_way_read(site_conf(site)->own_identity, ret) || *ret == OWN_NONE)
		return !referred || err_code(err, ERR_CONFLICT, "needs_identity", "it wants a certificate, and own.identity is none");
	if (!own_upn_fits(site_conf(site), err))
		return false;
	json_array_insert_new(payloads, 0, json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", OWN_IDENTITY, "type", PAYLOAD_SCEP, "keys",
						  "upn", site_conf(site)->own_upn, "email", "%email%"));
	return true;
}

/* The answers.  rfc822Name is ASCII (RFC 5280 4.2.1.6). */
static bool
take_names(struct known *known, struct own_filled *f, struct err *err)
{
	json_t *payloads = json_object_get(f->form, "payloads"), *payload, *names = NULL;
	size_t i;

	json_array_foreach(payloads, i, payload)
		if (strcmp(text_of(payload, "id"), OWN_IDENTITY) == 0)
			names = json_object_get(payload, "keys");
	f->gift.upn = mem_text(known->ctx, text_of(names, "upn"));
	f->gift.email = mem_text(known->ctx, text_of(names, "email"));
	if (strlen(f->gift.upn) > UPN_MAX)
		return err_code(err, ERR_CONFLICT, "bad_upn", "own.upn comes to more than %d bytes", UPN_MAX);
	if (strlen(f->gift.email) > UPN_MAX)
		return err_code(err, ERR_CONFLICT, "bad_email", "%%email%% has more than %d bytes", UPN_MAX);
	for (const char *p = f->gift.email; *p; p++)
		if (*p & 0x80)
			return err_code(err, ERR_CONFLICT, "bad_email", "%%email%% has letters that no certificate can say: %.80s", f->gift.email);
	return true;
}

/* Who it says they are. */
static bool
name_identity(struct site *site, struct known *known, struct own_filled *f, struct err *err)
{
	TALLOC_CTX *ctx = known->ctx;
	const char *name = value_of(known, "full_name");

	f->subject = mem_new(ctx, struct phase_subject);
	*f->subject = phase_subject(ctx, site_name(site), name ? name : value_of(known, "username"));
	phase_subject_person(ctx, f->subject, value_of(known, "username"));
	f->gift.subject = payload_subject(ctx, f->subject->parts);
	return take_names(known, f, err);
}

static bool
add_identity(struct site *site, struct known *known, struct own_filled *f, struct err *err)
{
	if (f->gift.way == OWN_NONE)
		return true;
	return name_identity(site, known, f, err) && take_out(f->form, OWN_IDENTITY) &&
	       (f->gift.way != OWN_PKCS12 || f->only_try || make_pkcs12(known->ctx, site, f, value_of(known, "username"), err));
}

/* ---- all of it ---- */

/* A copy of what the person has of a form: the texts of payloads are theirs, the form itself is not changed. */
static bool
fill_in(struct site *site, struct known *known, const json_t *form, struct own_filled *f, struct err *err)
{
	json_t *copy = json_hold(known->ctx, json_deep_copy(form)), *filled;

	if (known->target->plain) {
		/* something secret in the identity's place, so that what refers to it goes too */
		if (take_out(copy, OWN_IDENTITY) || refers(json_object_get(copy, "payloads"), OWN_IDENTITY))
			json_array_append_new(json_object_get(copy, "payloads"),
				json_pack("{s:s, s:s, s:{s:s}}", "id", OWN_IDENTITY, "type", OWN_TYPE_PKCS12, "keys", "Password", "x"));
		leave_secrets_out(copy);
		if (!json_array_size(json_object_get(copy, "payloads")))
			return err_code(err, ERR_CONFLICT, "needs_identity", "without an identity nothing is left of it");
	}
	if (!ask_names(site, copy, &f->gift.way, err) || !mobileconfig_form_fill(copy, value_of, known, &filled, err))
		return false;
	f->form = json_hold(known->ctx, filled);
	return add_identity(site, known, f, err);
}

const char *
own_identifier(TALLOC_CTX *ctx, const struct own_template *template, const char *person_id)
{
	return mem_printf(ctx, "%s.%s", template->identifier, person_id);
}

/* Where a userPrincipalName comes from is not said by its name. */
static bool
refused(const struct own_template *template, struct err *err)
{
	const struct err why = *err;

	if (strcmp(why.code, "missing_variable") == 0 && strstr(why.cause, "%upn%"))
		(void)err_code(err, ERR_CONFLICT, why.code, "%.200s (the directory's userPrincipalName, or set own.upn)", why.cause);
	return err_at(err, "%s", template->title);
}

static bool
fill(TALLOC_CTX *ctx, struct site *site, const char *language, const struct own_template *template,
     const struct own_target *target, bool only_try, struct own_filled *ret, struct err *err)
{
	struct own_filled f = { .gift = { .way = OWN_NONE }, .only_try = only_try };
	struct known known = { ctx, target, NULL };
	json_t *form;

	if (!values_of(ctx, site->db, target->person_id, target->device_id, &known.values, err))
		return false;
	if (!values_get(known.values, "username"))
		return err_set(err, ERR_MISSING, "no such person");
	f.gift.put = (struct own_put){
		.person_id = target->person_id, .mobileconfig_id = template->id, .title = template->title,
		.identifier = own_identifier(ctx, template, target->person_id),
		.udid = target->plain ? "" : target->udid, .product = target->product, .device_name = target->device_name,
	};
	if (!form_of(ctx, site, language, template, &form, err) || !fill_in(site, &known, form, &f, err))
		return refused(template, err);
	*ret = f;
	return true;
}

bool
own_fill(TALLOC_CTX *ctx, struct site *site, const char *language, const struct own_template *template,
	 const struct own_target *target, struct own_filled *ret, struct err *err)
{
	return fill(ctx, site, language, template, target, false, ret, err);
}

bool
own_try(TALLOC_CTX *ctx, struct site *site, const char *language, const struct own_template *template,
	const struct own_target *target, struct err *err)
{
	struct own_filled filled;

	return fill(ctx, site, language, template, target, true, &filled, err);
}

/* ---- names ---- */

const char *
own_file_name(TALLOC_CTX *ctx, const char *username)
{
	char *name = mem_printf(ctx, "%s.mobileconfig", username);

	for (char *p = name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@", *p) || (*p == '.' && p == name))
			*p = '_';
	return name;
}

bool
own_house_for(TALLOC_CTX *ctx, struct site *site, const char *language, struct enroll_house *ret, struct err *err)
{
	if (!ca_ready(site->ca))
		return err_code(err, ERR_CONFLICT, "no_ca", "this server has no CA of its own yet: pomona ca make");
	if (!enroll_house_for(ctx, site, language, ret, err))
		return false;
	ret->name = say(ctx, site, language, "say_own_name");
	ret->what = say(ctx, site, language, "say_own_what");
	return true;
}
