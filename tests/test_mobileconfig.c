/* Mobileconfigs and what they are written with: read back, signed, and always the same names. */
#include "tests/check.h"
#include "core/plist.h"
#include "core/plist_write.h"
#include "core/uuid.h"
#include "mdm/cms.h"
#include "mdm/mobileconfig.h"

static plist_t
read_back(const struct buf *out)
{
	plist_t root;
	struct err err;

	assert_ok(plist_open((struct bytes){ out->p, out->len }, PLIST_BYTES_MAX, &root, &err), &err);
	return root;
}

static void
what_is_written_is_read_back(void **state)
{
	struct buf out;
	plist_t root SCOPED(plist) = NULL;
	int64_t number;
	struct bytes data;
	time_t at;
	bool flag;

	buf_init(&out, *state, 10000);
	plist_write_begin(&out);
	plist_write_dict(&out, NULL);
	plist_write_text(&out, "a<b>&\"", "x<y>&\"'\x01\n é");
	plist_write_text(&out, "nothing", NULL);
	plist_write_int(&out, "number", INT64_MIN);
	plist_write_bool(&out, "yes", true);
	plist_write_data(&out, "data", (struct bytes){ "\0\xff\x10", 3 });
	plist_write_time(&out, "at", 1795305600);
	plist_write_array(&out, "list");
	plist_write_text(&out, NULL, "one");
	plist_write_dict(&out, NULL);
	plist_write_dict_end(&out);
	plist_write_array_end(&out);
	plist_write_dict_end(&out);
	plist_write_end(&out);
	root = read_back(&out);
	assert_string_equal(plist_text_at(*state, root, "a<b>&\""), "x<y>&\"'\n é");
	assert_null(plist_at(root, "nothing"));
	assert_true(plist_int_at(root, "number", &number) && number == INT64_MIN);
	assert_true(plist_bool_at(root, "yes", &flag) && flag);
	data = plist_data_of(*state, plist_at(root, "data"));
	assert_int_equal(data.len, 3);
	assert_memory_equal(data.p, "\0\xff\x10", 3);
	assert_true(plist_time_at(root, "at", &at) && at == 1795305600);
	assert_int_equal(plist_count_at(root, "list"), 2);
}

static void
write_own(struct buf *out, const void *arg)
{
	plist_write_text(out, "Own", arg);
}

static void
payloads_stand_in_their_envelope(void **state)
{
	const struct mobileconfig m = { "com.example.apps.demo", "Demo & Co", NULL, "Example <Corp>" };
	const struct payload payloads[] = {
		{ "com.apple.one", "com.example.apps.demo.one", "One", write_own, "1" },
		{ "com.apple.two", "com.example.apps.demo.two", NULL, write_own, "2" },
	};
	plist_t root SCOPED(plist) = NULL, payload;
	struct err err;
	struct buf out;

	buf_init(&out, *state, MOBILECONFIG_MAX);
	assert_ok(mobileconfig_write(&m, payloads, 2, &out, &err), &err);
	root = read_back(&out);
	assert_string_equal(plist_text_at(*state, root, "PayloadType"), "Configuration");
	assert_string_equal(plist_text_at(*state, root, "PayloadDisplayName"), "Demo & Co");
	assert_string_equal(plist_text_at(*state, root, "PayloadOrganization"), "Example <Corp>");
	assert_null(plist_at(root, "PayloadDescription"));
	assert_int_equal(plist_count_at(root, "PayloadContent"), 2);
	payload = plist_item_at(root, "PayloadContent", 1);
	assert_string_equal(plist_text_at(*state, payload, "PayloadType"), "com.apple.two");
	assert_string_equal(plist_text_at(*state, payload, "Own"), "2");
	assert_null(plist_at(payload, "PayloadDisplayName"));
	assert_string_not_equal(plist_text_at(*state, payload, "PayloadUUID"), plist_text_at(*state, root, "PayloadUUID"));

	buf_init(&out, *state, 500);
	assert_false(mobileconfig_write(&m, payloads, 2, &out, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
}

static void
names_stay_the_same(void **state)
{
	static const struct {
		const char *url, *identifier;
	} cases[] = {
		{ "https://apps.example.com", "com.example.apps.udid" },
		{ "https://apps.example.com:8443", "com.example.apps.udid" },
		{ "http://localhost", "localhost.udid" },
		{ "https://192.0.2.7:8443", "7.2.0.192.udid" },
	};
	char one[UUID_SIZE], two[UUID_SIZE];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(mobileconfig_identifier(*state, cases[i].url, "udid"), cases[i].identifier);
	assert_string_equal(uuid_of_name("com.example.apps.udid", one), "2988B4E5-8ED6-806B-A760-D8167AF4C047");
	assert_string_not_equal(uuid_of_name("com.example.apps.udie", two), one);
	assert_int_equal(strlen(two), 36);
}

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static void
what_is_signed_opens_under_its_ca(void **state)
{
	struct x509_made ca, leaf, other;
	STACK_OF(X509) *certs SCOPED(x509_stack) = NULL;
	struct cms_signer *signer;
	struct cms_trust *trust;
	struct cms_opened opened;
	struct bytes der;
	struct err err;
	time_t ends;

	assert_ok(x509_make(*state, "Example CA", NULL, 30, NULL, &ca, &err), &err);
	assert_ok(x509_make(*state, "apps.example.com", "apps.example.com", 30, &ca, &leaf, &err), &err);
	assert_ok(x509_make(*state, "other", NULL, 30, NULL, &other, &err), &err);
	assert_ok(cms_signer_read(*state, bytes_of(mem_printf(*state, "%s%s", leaf.cert_pem, ca.cert_pem)),
				  bytes_of(leaf.key_pem), &signer, &err), &err);
	assert_ok(cms_signer_expires(signer, &ends, &err), &err);
	assert_true(ends > time(NULL) + 29 * 86400);
	assert_ok(cms_sign(*state, signer, bytes_of("<plist/>"), &der, &err), &err);
	assert_ok(x509_read_pem(bytes_of(ca.cert_pem), &certs, &err), &err);
	assert_ok(cms_trust_new(*state, certs, CMS_CHAINED, &trust, &err), &err);
	assert_ok(cms_open(*state, der, (const struct cms_trust *const[]){ trust }, 1, &opened, &err), &err);
	assert_int_equal(opened.content.len, 8);
	assert_memory_equal(opened.content.p, "<plist/>", 8);

	assert_false(cms_signer_read(*state, bytes_of(leaf.cert_pem), bytes_of(other.key_pem), &signer, &err));
	assert_string_equal(err.code, "invalid");
	assert_false(cms_signer_read(*state, bytes_of("nothing"), bytes_of(leaf.key_pem), &signer, &err));
	assert_false(cms_signer_read(*state, bytes_of(leaf.cert_pem), bytes_of("nothing"), &signer, &err));
}

TESTS(what_is_written_is_read_back, payloads_stand_in_their_envelope, names_stay_the_same, what_is_signed_opens_under_its_ca)
