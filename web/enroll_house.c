#include "web/enroll_house.h"
#include "mdm/push.h"
#include "web/fields.h"
#include "web/rooms.h"
#include <string.h>

#define ANSWER_TYPE "application/pkcs7-signature"

bool
enroll_lacks(struct req *req, enum enroll_lack *lack, char **topic, struct err *err)
{
	*topic = NULL;
	if (!ca_ready(req->site->ca)) {
		*lack = ENROLL_NO_CA;
		return true;
	}
	*lack = push_topic(req, req->site->db, topic, err) ? ENROLL_READY : ENROLL_NO_TOPIC;
	return *lack == ENROLL_READY || err->kind == ERR_MISSING;
}

bool
enroll_topic(struct req *req, char **topic, struct err *err)
{
	enum enroll_lack lack;

	if (!enroll_lacks(req, &lack, topic, err))
		return false;
	if (lack == ENROLL_NO_CA)
		return err_code(err, ERR_CONFLICT, "no_ca", "this server has no CA of its own yet: pomona init makes one");
	return lack == ENROLL_READY || err_code(err, ERR_CONFLICT, "no_push_certificate",
		"this server has no push certificate yet: pomona push import");
}

/* ---- the house ---- */

static bool
root_of(TALLOC_CTX *ctx, struct site *site, struct bytes *ret, struct err *err)
{
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;
	unsigned char *der = NULL;
	int len;

	*ret = (struct bytes){ 0 };
	if (!site->ca_pem.len)
		return true;
	if (!x509_read_pem(site->ca_pem, &certs, err))
		return err_at(err, "the CA of this installation");
	if ((len = i2d_X509(sk_X509_value(certs, 0), &der)) <= 0)
		return err_openssl(err, ERR_INTERNAL, "encode the CA of this installation");
	*ret = (struct bytes){ mem_copy(ctx, der, (size_t)len), (size_t)len };
	OPENSSL_free(der);
	return true;
}

bool
enroll_house_for(TALLOC_CTX *ctx, struct site *site, const char *language, struct enroll_house *ret, struct err *err)
{
	struct enroll_house house = { .base_url = site->base_url, .organization = mem_text(ctx, site_name(site)) };
	json_t *names;

	names = json_pack("{s:s}", "company", house.organization);
	house.name = page_say(ctx, site->pages, language, "say_enroll_name", names);
	house.what = page_say(ctx, site->pages, language, "say_enroll_what", names);
	json_decref(names);
	if (!scep_servers_read(ctx, site_conf(site), site->ca, site->base_url, &house.scep, err) ||
	    !root_of(ctx, site, &house.root_der, err))
		return false;
	*ret = house;
	return true;
}

bool
enroll_house_of(struct req *req, struct enroll_house *ret, struct err *err)
{
	return enroll_house_for(req, req->site, req->language, ret, err);
}

struct enroll_wish
enroll_wish_of(TALLOC_CTX *ctx, struct site *site, const char *actor, const char *person_id, const char *invitation_id)
{
	const struct conf *conf = site_conf(site);

	return (struct enroll_wish){
		.person_id = person_id, .invitation_id = invitation_id, .actor = actor,
		.identifier = mobileconfig_identifier(ctx, site->base_url, "mdm"),
		.url = *conf->mdm_base_url ? conf->mdm_base_url : site->base_url,
		.access_rights = conf->enroll_access_rights, .devices_max = conf->enroll_devices_max,
		.ttl_s = conf->enroll_session_minutes * 60,
	};
}

struct own_devices {
	char *pem;
	struct cms_trust *trust;
};

/* Under the lock, as the site's context is.  What was there before may be in use, and such changes are rare. */
static bool
made_of(struct site *site, const char *pem, struct err *err)
{
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;
	struct own_devices *own;

	if (site->own_devices && strcmp(site->own_devices->pem, pem) == 0)
		return true;
	if (!x509_read_pem((struct bytes){ pem, strlen(pem) }, &certs, err))
		return err_at(err, "the CAs of devices");
	own = mem_new(site, struct own_devices);
	own->pem = mem_text(own, pem);
	if (!cms_trust_new(own, certs, CMS_DIRECT, &own->trust, err)) {
		talloc_free(own);
		return false;
	}
	site->own_devices = own;
	return true;
}

/* Whoever has a certificate under a CA of ours, as they are now. */
static bool
enroll_own_devices(struct site *site, const struct cms_trust **ret, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	char *pem;
	bool ok;

	if (!ca_pem(ctx, site->ca, &pem, err))
		return false;
	pthread_mutex_lock(&site->lock);
	if ((ok = made_of(site, pem, err)))
		*ret = site->own_devices->trust;
	pthread_mutex_unlock(&site->lock);
	return ok;
}

bool
enroll_read_answer(struct req *req, struct device_answer **answer, struct err *err)
{
	const char *type = req_header(req, "Content-Type");
	const struct cms_trust *ours;

	if (!type || !fields_type_is(type, ANSWER_TYPE))
		return err_set(err, ERR_MEDIA, "devices answer with " ANSWER_TYPE);
	return enroll_own_devices(req->site, &ours, err) &&
	       device_answer_read_ours(req, req->body, req->site->device_roots, ours, answer, err);
}

const char *
enroll_url(TALLOC_CTX *ctx, struct site *site, const char *token)
{
	return mem_printf(ctx, "%s/enroll/%s/service.mobileconfig", site->base_url, token);
}

bool
enroll_direct_may(const struct conf *conf, struct err *err)
{
	if (!conf->enroll_direct)
		return err_code(err, ERR_DENIED, "no_direct_way", "enroll.direct is off");
	return !*conf->scep_external_url || enroll_direct_outside(err);
}

const char *
enroll_direct_url(TALLOC_CTX *ctx, struct site *site, const char *token)
{
	struct err none;

	return enroll_direct_may(site_conf(site), &none) ?
	       mem_printf(ctx, "%s/enroll/direct.mobileconfig?session=%s", site->base_url, token) : NULL;
}

json_t *
enroll_rights(int64_t rights)
{
	return json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "device", (rights & 16) != 0, "network", (rights & 32) != 0,
			 "apps", (rights & 256) != 0, "security", (rights & 1024) != 0, "settings", (rights & (1 | 64 | 512)) != 0,
			 "manage", (rights & (2 | 128 | 2048 | 4096)) != 0, "lock", (rights & 4) != 0, "erase", (rights & 8) != 0);
}
