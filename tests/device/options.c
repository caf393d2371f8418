#include "tests/device/options.h"
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/file.h"

#define HOLDS_MAX (1u << 20)

static const struct argp_option options[] = {
	{ "ca",            OPT_APPLE,         "DIR",       0, "The Apple of the tests (device ca DIR)", 1 },
	{ "cacert",        OPT_CACERT,        "FILE",      0, "The CA of the server", 1 },
	{ "connect",       OPT_CONNECT,       "HOST:PORT", 0, "Where every name leads to", 1 },
	{ "connect-tls",   OPT_CONNECT_TLS,   "HOST:PORT", 0, "Where it leads to with --proof tls", 1 },
	{ "state",         OPT_STATE,         "DIR",       0, "Where the phones are kept", 1 },
	{ "ledger",        OPT_LEDGER,        "FILE",      0, "What happened, one line each (world.h)", 1 },
	{ "keep",          OPT_KEEP,          "DIR",       0, "Property lists of both sides, for check_plist.py", 1 },
	{ "proof",         OPT_PROOF,         "HOW",       0, "signature, client-cert, escaped, tls or all (in turn)", 1 },
	{ "scep-get",      OPT_SCEP_GET,      NULL,        0, "SCEP by GET", 1 },
	{ "des3",          OPT_DES3,          NULL,        0, "SCEP with 3DES", 1 },
	{ "outside-scep",  OPT_OUTSIDE,       "URL",       0, "A SCEP server that is not ours, and is where its URL says", 1 },
	{ "quiet-renewal", OPT_QUIET_RENEWAL, NULL,        0, "A renewed identity is used without an Authenticate", 1 },
	{ "supervised",    OPT_SUPERVISED,    NULL,        0, "The phones are supervised", 1 },
	{ "holds",         OPT_HOLDS,         "FILE",      0, "A property list {Apps[] Provisions[]}: what is on phones before they are managed", 1 },
	{ "http",          OPT_HTTP,          NULL,        0, "Put up with http:// where iOS wants https://", 1 },
	{ "app-reject",    OPT_APP_REJECT,    "REASON",    0, "InstallApplication is rejected for that", 1 },
	{ "install-polls", OPT_POLLS,         "N",         0, "Lists asked until an app is installed", 1 },
	{ "sleep-ms",      OPT_SLEEP,         "MS",        0, "How long a phone sleeps", 1 },
	{ "clock",         OPT_CLOCK,         "FILE",      0, "The phones' own time, ISO 8601: for what of their apps would launch", 1 },
	{ "seed",          OPT_SEED,          "N",         0, "Of the dice", 1 },
#define X(field, option, what) { option, OPT_HABITS + __COUNTER__, "PERCENT", 0, what, 2 },
	HABITS(X)
#undef X
	{ 0 },
};

int
number_of(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*text || *end || n < 0 || n > 1000000000)
		phone_die("%s is no number", text);
	return (int)n;
}

static bool
parse_habit(struct habits *habits, const char *name, const char *arg)
{
#define X(field, option, what) \
	if (strcmp(name, option) == 0) { \
		habits->field = number_of(arg); \
		return true; \
	}
	HABITS(X)
#undef X
	return false;
}

static int
proof_named(const char *name)
{
	if (strcmp(name, "all") == 0)
		return PROOFS_N;
	for (int i = 0; proof_names[i]; i++)
		if (strcmp(proof_names[i], name) == 0)
			return i;
	phone_die("no proof is called %s", name);
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct common *c = state->input;

	switch (key) {
	case OPT_APPLE:		c->apple = arg; return 0;
	case OPT_CACERT:	c->world.way.ca_file = c->world.tls_way.ca_file = arg; return 0;
	case OPT_CONNECT:	c->world.way.connect = arg; return 0;
	case OPT_CONNECT_TLS:	c->world.tls_way.connect = arg; return 0;
	case OPT_STATE:		c->state = arg; return 0;
	case OPT_LEDGER:	c->world.ledger = arg; return 0;
	case OPT_KEEP:		c->world.keep = arg; return 0;
	case OPT_PROOF:		c->proof = proof_named(arg); return 0;
	case OPT_SCEP_GET:	c->world.scep_get = true; return 0;
	case OPT_DES3:		c->world.scep_des3 = true; return 0;
	case OPT_OUTSIDE:	c->world.outside_scep = arg; return 0;
	case OPT_QUIET_RENEWAL:	c->world.quiet_renewal = true; return 0;
	case OPT_SUPERVISED:	c->supervised = true; return 0;
	case OPT_HTTP:		c->world.http = true; return 0;
	case OPT_APP_REJECT:	c->world.app_reject = arg; return 0;
	case OPT_POLLS:		c->world.install_polls = number_of(arg); return 0;
	case OPT_SLEEP:		c->world.sleep_ms = number_of(arg); return 0;
	case OPT_HOLDS:		c->holds = arg; return 0;
	case OPT_CLOCK:		clock_follow(arg); return 0;
	case OPT_SEED:		chance_seed((unsigned)number_of(arg)); return 0;
	default:		break;
	}
	if (key >= OPT_HABITS)
		for (size_t i = 0; options[i].name; i++)
			if (options[i].key == key)
				return parse_habit(&c->world.habits, options[i].name, arg) ? 0 : ARGP_ERR_UNKNOWN;
	return ARGP_ERR_UNKNOWN;
}

const struct argp common_argp = { options, parse, NULL, NULL, NULL, NULL, NULL };

void
common_init(struct common *c)
{
	*c = (struct common){ .proof = PROOF_SIGNATURE };
	c->world.install_polls = 1;
	c->world.sleep_ms = 500;
	c->world.ledger_fd = -1;
}

void
common_begin(struct common *c)
{
	if (!c->apple)
		phone_die("--ca DIR is missing");
	if (!c->world.tls_way.connect)
		c->world.tls_way.connect = c->world.way.connect;
	ledger_open(&c->world);
}

/* Each of a list that the phone does not have. */
static void
take_over(plist_t from, plist_t state, const char *list, const char *key)
{
	plist_t items = tree_at(from, list, PLIST_ARRAY), own = tree_at(state, list, PLIST_ARRAY);

	for (uint32_t i = 0; items && i < plist_array_get_size(items); i++) {
		plist_t item = plist_array_get_item(items, i);

		if (!tree_find(own, key, tree_must_text(item, key, list), NULL))
			plist_array_append_item(own, plist_copy(item));
	}
}

static void
take_all(const char *path, struct handset *h)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);
	struct bytes xml;
	struct err err;
	plist_t from;

	if (!file_read(ctx, path, HOLDS_MAX, &xml, &err))
		phone_die("%s: %s", path, err.cause);
	from = tree_read(ctx, xml, PLIST_DICT, path);
	take_over(from, h->state, "Apps", "Identifier");
	take_over(from, h->state, "Provisions", "UUID");
}

struct handset *
common_handset(TALLOC_CTX *ctx, const struct common *c, const struct phone_ca *apple, int number)
{
	struct handset *h = handset_open(ctx, c->state, number, apple);

	if (c->supervised)
		tree_put_bool(tree_at(h->state, "Device", PLIST_DICT), "IsSupervised", true);
	if (c->holds && !handset_enrollment(h))
		take_all(c->holds, h);
	h->proof = c->proof == PROOFS_N ? (enum proof)(number % PROOFS_N) : (enum proof)c->proof;
	return h;
}
