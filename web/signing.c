#include "web/signing.h"
#include "core/file.h"
#include "mdm/ca_sign.h"
#include "mdm/mobileconfig.h"
#include "web/rooms.h"
#include <string.h>

#define PEM_FILE_MAX (256u << 10)
#define CN_MAX	64	/* RFC 5280 appendix A: ub-common-name */

struct pair {
	const char *what, *cert_file, *key_file;
};

static bool
find_pair(const struct conf *conf, struct pair *ret)
{
	if (*conf->registration_sign_cert)
		*ret = (struct pair){ "registration.sign_cert", conf->registration_sign_cert,
				      conf->registration_sign_key };
	else if (!conf->server_plain && *conf->server_tls_cert)
		*ret = (struct pair){ "server.tls_cert", conf->server_tls_cert, conf->server_tls_key };
	else
		return false;
	return true;
}

enum signing_way
signing_way(struct site *site)
{
	struct pair pair;

	return find_pair(site_conf(site), &pair) ? SIGNING_FILE :
	       site->ca && ca_sign_ready(site->ca) ? SIGNING_OWN_CA : SIGNING_NONE;
}

static bool
read_signer(TALLOC_CTX *ctx, const struct pair *pair, struct cms_signer **ret, struct err *err)
{
	struct bytes cert, key;

	return (file_read(ctx, pair->cert_file, PEM_FILE_MAX, &cert, err) &&
		file_read(ctx, pair->key_file, PEM_FILE_MAX, &key, err) &&
		cms_signer_read(ctx, cert, key, ret, err)) || err_at(err, "%s", pair->what);
}

bool
signing_expires(const struct conf *conf, const char **setting, time_t *at, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct cms_signer *signer;
	struct pair pair;

	*setting = NULL;
	if (!find_pair(conf, &pair))
		return true;
	*setting = pair.what;
	return read_signer(ctx, &pair, &signer, err) && cms_signer_expires(signer, at, err);
}

/* Ours to mend: it says where our files are, so it is for the log alone. */
static bool
hide(struct err *err)
{
	char text[sizeof err->path + sizeof err->cause + 2];

	return err_set(err, ERR_INTERNAL, "%s", err_text(err, text, sizeof text));
}

/* What Settings shows as the signer: the name under which people know this server. */
static const char *
own_subject(TALLOC_CTX *ctx, struct site *site)
{
	return mem_printf(ctx, "CN=%.*s", CN_MAX, strstr(site->base_url, "://") + 3);
}

bool
signing_keep(struct site *site, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return signing_way(site) != SIGNING_OWN_CA || ca_sign_keep(site->ca, own_subject(ctx, site), err);
}

bool
signing_sign(TALLOC_CTX *ctx, struct site *site, struct bytes xml, struct bytes *ret, struct err *err)
{
	enum signing_way way = signing_way(site);
	struct cms_signer *signer;
	struct pair pair;
	bool ok;

	if (way == SIGNING_NONE) {
		*ret = xml;
		return true;
	}
	ok = way == SIGNING_FILE ? find_pair(site_conf(site), &pair) && read_signer(ctx, &pair, &signer, err) :
				   ca_sign_signer(ctx, site->ca, own_subject(ctx, site), &signer, err);
	return (ok && cms_sign(ctx, signer, xml, ret, err)) || hide(err);
}

bool
signing_reply(struct req *req, struct reply *reply, struct bytes xml, const char *name, struct err *err)
{
	if (!signing_sign(req, req->site, xml, &xml, err))
		return false;
	reply_header(reply, "Content-Disposition", mem_printf(req, "attachment; filename=\"%s\"", name));
	return reply_bytes(reply, 200, MOBILECONFIG_TYPE, xml);
}
