#include "web/signing.h"
#include "core/file.h"
#include "mdm/cms.h"
#include "mdm/mobileconfig.h"
#include "web/rooms.h"

#define PEM_FILE_MAX (256u << 10)

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

bool
signing_is_on(const struct conf *conf)
{
	struct pair pair;

	return find_pair(conf, &pair);
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

bool
signing_sign(TALLOC_CTX *ctx, const struct conf *conf, struct bytes xml, struct bytes *ret, struct err *err)
{
	struct cms_signer *signer;
	struct pair pair;

	if (!find_pair(conf, &pair)) {
		*ret = xml;
		return true;
	}
	return (read_signer(ctx, &pair, &signer, err) && cms_sign(ctx, signer, xml, ret, err)) || hide(err);
}

bool
signing_reply(struct req *req, struct reply *reply, struct bytes xml, const char *name, struct err *err)
{
	if (!signing_sign(req, site_conf(req->site), xml, &xml, err))
		return false;
	reply_header(reply, "Content-Disposition", mem_printf(req, "attachment; filename=\"%s\"", name));
	return reply_bytes(reply, 200, MOBILECONFIG_TYPE, xml);
}
