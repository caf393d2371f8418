#include "tests/check_keeper.h"
#include "core/num.h"
#include <openssl/cms.h>
#include <stdio.h>

struct keeper *
keeper_new(struct mdm *m, const char *udid, const char *person_id)
{
	struct keeper *k = mem_new(m->ctx, struct keeper);

	k->phone = phone_ota(m, udid, person_id);
	phone_enrolls(k->phone);
	return k;
}

static const char *
between(struct mdm *m, const char *text, const char *from, const char *to)
{
	const char *at = text ? strstr(text, from) : NULL, *end = at ? strstr(at + strlen(from), to) : NULL;

	return end ? mem_textn(m->ctx, at + strlen(from), (size_t)(end - at) - strlen(from)) : NULL;
}

const char *
keeper_text(struct mdm *m, const char *xml, const char *key)
{
	const char *at = strstr(xml, mem_printf(m->ctx, "<key>%s</key>", key));

	return between(m, at, "<string>", "</string>");
}

/* The last one of a key: the outermost, behind the payloads. */
static const char *
outer(struct mdm *m, const char *xml, const char *key)
{
	const char *found = NULL, *needle = mem_printf(m->ctx, "<key>%s</key>", key);
	const char *array = strstr(xml, "<key>PayloadContent</key><array>"), *skip = array ? strstr(array, "</array>") : NULL;

	for (const char *at = xml; (at = strstr(at, needle)); at++)
		if (!array || at < array || at > skip)
			found = between(m, at, "<string>", "</string>");
	return found;
}

static const char *
decrypted(const struct keeper *k, const char *base64)
{
	struct mdm *m = k->phone->mdm;
	struct bytes has = k->phone->cert->der;
	const unsigned char *p = has.p;
	X509 *cert SCOPED(x509) = d2i_X509(NULL, &p, (long)has.len);
	BIO *in SCOPED(bio) = NULL, *out SCOPED(bio) = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms SCOPED(cms) = NULL;
	struct bytes der;
	char *text;
	long len;

	assert_true(num_unbase64(m->ctx, base64, strlen(base64), &der));
	in = BIO_new_mem_buf(der.p, (int)der.len);
	cms = d2i_CMS_bio(in, NULL);
	assert_non_null(cms);
	/* for this identity of all: their keys are the same here, and nowhere else */
	assert_int_equal(CMS_decrypt(cms, mdm_key(), cert, NULL, out, CMS_BINARY), 1);
	len = BIO_get_mem_data(out, &text);
	return mem_textn(m->ctx, text, (size_t)len);
}

void
keeper_drops(struct keeper *k, const char *identifier)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->items[i].identifier, identifier) == 0)
			k->items[i--] = k->items[--k->n];
}

void
keeper_installs(struct keeper *k, const char *command)
{
	struct mdm *m = k->phone->mdm;
	const char *data = between(m, strstr(command, "<key>Payload</key>"), "<data>", "</data>"), *xml, *sealed;
	struct keeper_item *item;
	struct bytes raw;

	assert_non_null(data);
	assert_true(num_unbase64(m->ctx, data, strlen(data), &raw));
	xml = mem_textn(m->ctx, raw.p, raw.len);
	sealed = between(m, strstr(xml, "<key>EncryptedPayloadContent</key>"), "<data>", "</data>");
	keeper_drops(k, outer(m, xml, "PayloadIdentifier"));
	assert_true(k->n < KEEPER_ITEMS);
	item = &k->items[k->n++];
	*item = (struct keeper_item){ .managed = true, .outside = xml,
			       .payloads = sealed ? decrypted(k, sealed) : between(m, xml, "<array>", "</array>") };
	snprintf(item->identifier, sizeof item->identifier, "%s", outer(m, xml, "PayloadIdentifier"));
	snprintf(item->uuid, sizeof item->uuid, "%s", outer(m, xml, "PayloadUUID"));
}

const char *
keeper_list(struct keeper *k)
{
	struct mdm *m = k->phone->mdm;
	char *all = mem_text(m->ctx, "<key>ProfileList</key><array>");

	for (size_t i = 0; i < k->n; i++)
		all = mem_printf(m->ctx, "%s<dict><key>PayloadIdentifier</key><string>%s</string><key>PayloadUUID</key><string>%s"
			"</string><key>PayloadVersion</key><integer>1</integer><key>IsManaged</key><%s/></dict>", all,
			k->items[i].identifier, k->items[i].uuid, k->items[i].managed ? "true" : "false");
	return mem_printf(m->ctx, "%s</array>", all);
}

const char *
keeper_does(struct keeper *k, const char *uuid)
{
	struct mdm *m = k->phone->mdm;
	const char *command = m->text, *type = keeper_text(m, command, "RequestType");

	if (strcmp(type, "ProfileList") == 0) {
		k->lists++;
		return phone_says_more(k->phone, "Acknowledged", uuid, keeper_list(k));
	}
	if (strcmp(type, "InstallProfile") == 0) {
		k->installs++;
		if (k->error)
			return phone_says_more(k->phone, "Error", uuid, k->error);
		if (!k->forgetful)
			keeper_installs(k, command);
	}
	if (strcmp(type, "RemoveProfile") == 0) {
		k->removals++;
		if (!k->forgetful)
			keeper_drops(k, keeper_text(m, command, "Identifier"));
	}
	return phone_says(k->phone, "Acknowledged", uuid);
}

/* Until nothing waits for it. */
void
keeper_talks(struct keeper *k)
{
	const char *uuid = phone_idle(k->phone);

	for (int i = 0; uuid; i++) {
		assert_true(i < 100);
		uuid = keeper_does(k, uuid);
	}
}

/* The device is asked for what it has, as IT or the house does. */
void
keeper_is_listed(struct keeper *k)
{
	struct mdm *m = k->phone->mdm;

	mdm_queue(m, k->phone, "ProfileList", 0);
	keeper_talks(k);
}
