/*
 * From a mobileconfig that Safari loaded to the first TokenUpdate: by the phases of the Profile Service, or
 * right from one with SCEP and MDM payload.  docs/enrolling.md.
 */
#include <string.h>
#include "tests/device/message.h"
#include "tests/device/world.h"

#define SAFARI	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " \
		"Version/18.1 Mobile/15E148 Safari/604.1"
#define ASKED_MAX 16

struct bytes
fetch_mobileconfig(TALLOC_CTX *ctx, struct world *world, const char *url)
{
	struct http_request request = { .method = "GET", .url = url, .agent = SAFARI };
	struct http_answer answer;

	if (!http_send(ctx, http_open(ctx, &world->way), &request, &answer))
		refuse("%s: %s", url, answer.type);
	if (answer.status != 200)
		refuse("%s is answered %ld", url, answer.status);
	if (!answer.type || strcmp(answer.type, MOBILECONFIG) != 0)
		refuse("the mobileconfig comes as %s", answer.type ? answer.type : "nothing");
	return answer.body;
}

/* ---- the Profile Service ---- */

struct service {
	const char *url, *challenge;
	plist_t asked;
};

static struct service
read_service(const struct world *world, plist_t root)
{
	plist_t content = tree_must(root, "PayloadContent", PLIST_DICT, "the Profile Service mobileconfig");
	struct service service = {
		tree_must_text(content, "URL", "the Profile Service"), tree_text(content, "Challenge"),
		tree_must(content, "DeviceAttributes", PLIST_ARRAY, "the Profile Service"),
	};

	tree_must_text(root, "PayloadIdentifier", "the Profile Service mobileconfig");
	tree_must_text(root, "PayloadUUID", "the Profile Service mobileconfig");
	if (strncmp(service.url, "https://", 8) != 0 && !world->http)
		refuse("the Profile Service's URL is not https: %s", service.url);
	return service;
}

static struct bytes
attributes(TALLOC_CTX *ctx, struct world *world, const struct handset *h, const struct service *service, bool first)
{
	static const struct { const char *name, *key; } known[] = {
		{ "UDID", "UDID" }, { "VERSION", "BuildVersion" }, { "PRODUCT", "ProductName" },
		{ "SERIAL", "SerialNumber" }, { "DEVICE_NAME", "DeviceName" }, { "IMEI", "IMEI" }, { "MEID", "MEID" },
		{ "ICCID", "ICCID" }, { "MAC_ADDRESS_EN0", "WiFiMAC" },
	};
	plist_t tree = tree_new(ctx), device = tree_at(h->state, "Device", PLIST_DICT);
	struct bytes xml;

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (tree_has_text(service->asked, known[i].name))
			tree_put_text(tree, known[i].name, tree_text(device, known[i].key));
	if (first)
		tree_put_text(tree, "CHALLENGE", service->challenge);
	xml = tree_xml(ctx, tree);
	keep(world, "ota-device", xml);
	return xml;
}

/* The answer to a phase: the next mobileconfig. */
static struct bytes
post(TALLOC_CTX *ctx, struct world *world, const struct handset *h, const struct service *service, int phase,
     struct bytes body)
{
	struct http_request request = { .method = "POST", .url = service->url, .agent = PROFILED,
					.type = "application/pkcs7-signature", .body = body };
	struct http_answer answer;

	if (!http_send(ctx, http_open(ctx, &world->way), &request, &answer))
		refuse("phase %d is not answered: %s", phase, answer.type);
	ledger(world, h, "http phase%d %ld", phase, answer.status);
	if (answer.status != 200)
		refuse("Profile Installation Failed: phase %d is answered %ld", phase, answer.status);
	if (!answer.type || strcmp(answer.type, MOBILECONFIG) != 0)
		refuse("phase %d is answered as %s", phase, answer.type ? answer.type : "nothing");
	return answer.body;
}

static struct identity
passing_identity(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct bytes bytes)
{
	struct unwrapped u = unwrap_mobileconfig(ctx, world, h, bytes, NULL);
	uint32_t i;

	if (!tree_find(u.payloads, "PayloadType", "com.apple.security.scep", &i) || plist_array_get_size(u.payloads) != 1)
		refuse("the answer to phase 1 is no single SCEP payload");
	return get_identity(ctx, world, h, plist_array_get_item(u.payloads, i));
}

static void
by_phases(TALLOC_CTX *ctx, struct world *world, struct handset *h, plist_t root)
{
	struct service service = read_service(world, root);
	struct phone *phone = phone_new(ctx, h->apple, h->udid);
	struct identity passing;
	struct unwrapped u;
	struct bytes body;

	body = phone_sign(ctx, phone, attributes(ctx, world, h, &service, true));
	passing = passing_identity(ctx, world, h, post(ctx, world, h, &service, 1, body));
	body = message_sign(ctx, passing.cert, passing.key, attributes(ctx, world, h, &service, false));
	u = unwrap_mobileconfig(ctx, world, h, post(ctx, world, h, &service, 3, body), &passing);
	if (!u.signer || !u.encrypted)
		refuse("the answer to phase 3 is not signed and encrypted");
	install_mobileconfig(ctx, world, h, &u, false);
}

static plist_t
opened_root(TALLOC_CTX *ctx, struct bytes bytes)
{
	struct bytes xml = bytes;
	X509 *signer;

	if (bytes.len > 5 && memcmp(bytes.p, "<?xml", 5) != 0)
		xml = message_open(ctx, bytes, &signer, NULL, "the mobileconfig");
	return tree_read(ctx, xml, PLIST_DICT, "the mobileconfig");
}

static bool
is_service(plist_t root)
{
	return strcmp(tree_must_text(root, "PayloadType", "the mobileconfig"), "Profile Service") == 0;
}

void
install_by_hand(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct bytes bytes)
{
	plist_t root = opened_root(ctx, bytes);

	if (is_service(root)) {
		keep(world, "profile-service", bytes);
		by_phases(ctx, world, h, root);
	} else {
		struct unwrapped u = unwrap_mobileconfig(ctx, world, h, bytes, NULL);

		install_mobileconfig(ctx, world, h, &u, false);
	}
}

void
enroll(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct bytes bytes)
{
	install_by_hand(ctx, world, h, bytes);
	if (!handset_is(h, "enrolled"))
		refuse("the mobileconfig has no MDM payload");
	ledger(world, h, "state enrolled");
}
