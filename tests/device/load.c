/*
 * device load: the phones of a state directory, as fast as the server takes them.
 *
 *	idle	each says Idle in turn; the server has nothing for them
 *	drain	each says Idle and answers what it is given until there is nothing more, then the next one does
 *
 * Everything that needs a private key is made before the clock starts, so --proof signature is for idle alone.
 * Prints one JSON object.
 */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/buf.h"
#include "tests/device/keys.h"
#include "tests/device/load.h"
#include "tests/device/message.h"
#include "tests/device/options.h"

#define TYPE "application/x-apple-aspen-mdm; charset=UTF-8"
#define REQUEST_MAX (64u << 10)
#define HOST_MAX 64

struct load {
	struct common common;
	int first, count, connections, seconds;
	bool drain;
	struct handset **phones;
	struct bytes *idle;			/* of each phone: the whole request */
	const char **header;			/* of each phone: its proof by certificate */
	const char *path;
	/* while it runs */
	int turn;
	int at[LOAD_CONNECTIONS_MAX];		/* whose turn it is on this connection */
	struct buf answer[LOAD_CONNECTIONS_MAX];
	bool has[LOAD_CONNECTIONS_MAX];		/* an answer is to be sent */
	int64_t answers;
};

enum { OPT_COUNT = 1024, OPT_FIRST, OPT_CONNECTIONS, OPT_FOR };

static const struct argp_option options[] = {
	{ "count",       OPT_COUNT,       "N", 0, "How many phones", 0 },
	{ "first",       OPT_FIRST,       "N", 0, "The number of the first (0)", 0 },
	{ "connections", OPT_CONNECTIONS, "N", 0, "Connections at once (8)", 0 },
	{ "for",         OPT_FOR,         "S", 0, "idle: for so long (3)", 0 },
	{ 0 },
};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct load *l = state->input;

	switch (key) {
	case ARGP_KEY_INIT:	state->child_inputs[0] = &l->common; return 0;
	case OPT_COUNT:		l->count = number_of(arg); return 0;
	case OPT_FIRST:		l->first = number_of(arg); return 0;
	case OPT_CONNECTIONS:	l->connections = number_of(arg); return 0;
	case OPT_FOR:		l->seconds = number_of(arg); return 0;
	case ARGP_KEY_ARG:	l->drain = strcmp(arg, "drain") == 0; return 0;
	default:		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- requests ---- */

static void
put_request(struct buf *out, const struct load *l, const char *header, const char *body, size_t len)
{
	buf_addf(out, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Type: " TYPE "\r\n%s\r\nContent-Length: %zu\r\n\r\n", l->path,
		 l->common.world.way.connect, header, len);
	buf_add(out, body, len);
}

static const char *
proof_of(TALLOC_CTX *ctx, const struct handset *h, struct bytes body)
{
	struct bytes der = h->proof == PROOF_SIGNATURE ? message_signature(ctx, h->cert, h->key, body) :
			   message_der(ctx, h->cert);
	struct buf out;

	buf_init(&out, ctx, REQUEST_MAX);
	buf_text(&out, h->proof == PROOF_SIGNATURE ? "Mdm-Signature: " : "Client-Cert: :");
	buf_base64(&out, der.p, der.len);
	if (h->proof != PROOF_SIGNATURE)
		buf_text(&out, ":");
	return out.p;
}

static void
prepare(struct load *l, TALLOC_CTX *ctx, int i, const struct phone_ca *apple)
{
	struct handset *h = l->phones[i] = common_handset(ctx, &l->common, apple, l->first + i);
	const char *body = mem_printf(ctx, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>"
				      "<key>UDID</key><string>%s</string><key>Status</key><string>Idle</string></dict></plist>\n",
				      h->udid), *url;
	struct buf out;

	if (!handset_is(h, "enrolled"))
		phone_die("phone %d is not enrolled", l->first + i);
	url = tree_text(handset_enrollment(h), "ServerURL");
	l->path = strchr(strstr(url, "://") + 3, '/');
	l->header[i] = proof_of(ctx, h, (struct bytes){ body, strlen(body) });
	buf_init(&out, ctx, REQUEST_MAX);
	put_request(&out, l, l->header[i], body, strlen(body));
	l->idle[i] = (struct bytes){ out.p, out.len };
}

/* ---- while it runs ---- */

static struct bytes
next(void *arg, int who)
{
	struct load *l = arg;

	if (l->has[who]) {
		l->has[who] = false;
		l->answers++;
		return (struct bytes){ l->answer[who].p, l->answer[who].len };
	}
	if (l->drain && l->turn >= l->count)
		return (struct bytes){ NULL, 0 };
	l->at[who] = l->turn++ % l->count;
	return l->idle[l->at[who]];
}

static void
acknowledge(struct load *l, int who, struct bytes command)
{
	static const char key[] = "<key>CommandUUID</key>";
	const char *from = memmem(command.p, command.len, key, sizeof key - 1), *to;
	SCOPED(mem) char *body = NULL;
	int i = l->at[who];

	from = from ? strstr(from, "<string>") : NULL;
	to = from ? strchr(from + 8, '<') : NULL;
	if (!to)
		phone_die("a command has no CommandUUID");
	body = mem_printf(NULL, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict><key>UDID</key>"
			  "<string>%s</string><key>CommandUUID</key><string>%.*s</string><key>Status</key>"
			  "<string>Acknowledged</string></dict></plist>\n", l->phones[i]->udid, (int)(to - from - 8), from + 8);
	buf_clear(&l->answer[who]);
	put_request(&l->answer[who], l, l->header[i], body, strlen(body));
	l->has[who] = true;
}

static bool
answered(void *arg, int who, int status, struct bytes body)
{
	struct load *l = arg;

	if (status == 200 && body.len && l->drain)
		acknowledge(l, who, body);
	return status == 200 && (l->drain || !body.len);
}

static void
print(const struct load *l, const struct load_result *r)
{
	json_t *said = json_pack("{s:I, s:I, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:f}", "requests",
		(json_int_t)r->requests, "wrong", (json_int_t)r->wrong, "last_wrong", r->last_wrong, "seconds", r->seconds,
		"rate", (double)r->requests / r->seconds, "p50_ms", r->p50_ms, "p99_ms", r->p99_ms, "max_ms", r->max_ms,
		"cpu_s", r->cpu_s, "answers", (json_int_t)l->answers, "answers_rate", (double)l->answers / r->seconds);

	json_dumpf(said, stdout, 0);
	putchar('\n');
	json_decref(said);
}

int
cmd_load(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
	static const struct argp argp = { options, parse, "idle|drain", "The load generator.", children, NULL, NULL };
	SCOPED(mem) struct load *l = mem_new(NULL, struct load);
	const struct phone_ca *apple;
	struct load_result result;
	char host[HOST_MAX];
	int port;

	common_init(&l->common);
	l->count = 1, l->connections = 8, l->seconds = 3;
	if (argp_parse(&argp, argc, argv, 0, NULL, l) != 0 || !l->common.state || !l->common.world.way.connect ||
	    sscanf(l->common.world.way.connect, "%63[^:]:%d", host, &port) != 2)
		phone_die("load idle|drain --ca DIR --state DIR --connect ADDRESS:PORT");
	common_begin(&l->common);
	if (l->connections > LOAD_CONNECTIONS_MAX || (l->drain && l->common.proof == PROOF_SIGNATURE))
		phone_die("at most %d connections, and drain by a certificate's header alone", LOAD_CONNECTIONS_MAX);
	apple = phone_ca_open(l, l->common.apple);
	keys_prepare((l->first + l->count) * HANDSET_KEYS);
	l->phones = mem_array(l, struct handset *, (size_t)l->count);
	l->idle = mem_array(l, struct bytes, (size_t)l->count);
	l->header = mem_array(l, const char *, (size_t)l->count);
	for (int i = 0; i < l->count; i++)
		prepare(l, l, i, apple);
	for (int i = 0; i < l->connections; i++)
		buf_init(&l->answer[i], l, REQUEST_MAX);
	load_run(host, port, l->connections, l->drain ? 0 : l->seconds,
		 &(struct load_user){ next, answered, l }, &result);
	print(l, &result);
	return result.wrong ? 1 : 0;
}
