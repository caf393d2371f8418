#include "mdm/mobileconfig.h"
#include "core/plist_write.h"
#include "core/uuid.h"
#include "mdm/cms.h"
#include <openssl/crypto.h>
#include <string.h>

char *
mobileconfig_identifier(TALLOC_CTX *ctx, const char *base_url, const char *what)
{
	const char *host = strstr(base_url, "://");
	size_t len, end;
	struct buf out;

	host = host ? host + 3 : base_url;
	len = strcspn(host, ":/");
	buf_init(&out, ctx, 1024);
	for (end = len; end > 0; ) {	/* the host's words from its last */
		size_t from = end;

		while (from > 0 && host[from - 1] != '.')
			from--;
		buf_add(&out, host + from, end - from);
		buf_text(&out, ".");
		end = from > 0 ? from - 1 : 0;
	}
	buf_text(&out, what);
	return mem_text(ctx, buf_str(&out));
}

/* What envelope and payload have alike. */
static void
write_common(struct buf *out, const char *type, const char *identifier, const char *uuid, const char *name)
{
	char made[UUID_SIZE];

	plist_write_text(out, "PayloadType", type);
	plist_write_int(out, "PayloadVersion", 1);
	plist_write_text(out, "PayloadIdentifier", identifier);
	plist_write_text(out, "PayloadUUID", uuid ? uuid : uuid_of_name(identifier, made));
	plist_write_text(out, "PayloadDisplayName", name);
}

static void
begin(struct buf *out, const struct mobileconfig *m, const char *type)
{
	plist_write_begin(out);
	plist_write_dict(out, NULL);
	write_common(out, type, m->identifier, m->uuid, m->name);
	plist_write_text(out, "PayloadDescription", m->description);
	plist_write_text(out, "PayloadOrganization", m->organization);
	if (m->write)
		m->write(out, m->arg);
}

static bool
end(struct buf *out, const struct mobileconfig *m, struct err *err)
{
	plist_write_dict_end(out);
	plist_write_end(out);
	return buf_ok(out, err) || err_at(err, "mobileconfig %s", m->identifier);
}

static void
write_payloads(struct buf *out, const char *key, const struct payload *payloads, size_t n)
{
	plist_write_array(out, key);
	for (size_t i = 0; i < n; i++) {
		plist_write_dict(out, NULL);
		write_common(out, payloads[i].type, payloads[i].identifier, payloads[i].uuid, payloads[i].name);
		payloads[i].write(out, payloads[i].arg);
		plist_write_dict_end(out);
	}
	plist_write_array_end(out);
}

bool
mobileconfig_write(const struct mobileconfig *m, const struct payload *payloads, size_t n, struct buf *out,
		   struct err *err)
{
	begin(out, m, "Configuration");
	write_payloads(out, "PayloadContent", payloads, n);
	return end(out, m, err);
}

/* What is enveloped is a property list of its own, whose root is the array of payloads. */
bool
mobileconfig_write_for(struct bytes cert_der, const struct mobileconfig *m, const struct payload *payloads, size_t n,
		       struct buf *out, struct err *err)
{
	void *ctx SCOPED(mem) = mem_must(talloc_new(NULL));
	struct bytes sealed;
	struct buf inner;

	buf_init(&inner, ctx, out->max);
	plist_write_begin(&inner);
	write_payloads(&inner, NULL, payloads, n);
	plist_write_end(&inner);
	if (!buf_ok(&inner, err) ||
	    !cms_envelope(ctx, cert_der, (struct bytes){ inner.p, inner.len }, &sealed, err))
		return err_at(err, "mobileconfig %s", m->identifier);
	OPENSSL_cleanse(inner.p, inner.len);
	begin(out, m, "Configuration");
	plist_write_bool(out, "IsEncrypted", true);
	plist_write_data(out, "EncryptedPayloadContent", sealed);
	return end(out, m, err);
}

bool
mobileconfig_service_write(const struct mobileconfig *m, const struct mobileconfig_service *service,
			   struct buf *out, struct err *err)
{
	begin(out, m, "Profile Service");
	plist_write_dict(out, "PayloadContent");
	plist_write_text(out, "URL", service->url);
	plist_write_array(out, "DeviceAttributes");
	for (const char *const *attribute = service->attributes; *attribute; attribute++)
		plist_write_text(out, NULL, *attribute);
	plist_write_array_end(out);
	plist_write_text(out, "Challenge", service->challenge);
	plist_write_dict_end(out);
	return end(out, m, err);
}
