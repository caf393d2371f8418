#include "mdm/checkin.h"
#include "core/clock.h"
#include "core/plist_write.h"
#include "mdm/device_answer.h"
#include <ctype.h>
#include <string.h>

#define WORD_MAX	128	/* characters of what a device says of itself */
#define USER_MAX	256
#define ENDPOINT_MAX	512

static const char *const names[] = {
#define T(id, name) [CHECKIN_##id] = name,
	CHECKIN_TYPES(T)
#undef T
};

const char *
checkin_name(enum checkin_type type)
{
	return names[type];
}

static bool
malformed(struct err *err, const char *key, const char *why)
{
	return err_code(err, ERR_MALFORMED, "bad_checkin", "%s %s", key, why);
}

/* ---- who says it ---- */

/* A UUID, as Macs and enrollments of users have them; anything that is a word and short. */
static bool
is_id(const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= CHECKIN_UDID_SIZE)
		return false;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			return false;
	return true;
}

/* "" where it is missing. */
static bool
text_at(TALLOC_CTX *ctx, plist_t dict, const char *key, size_t max, const char **ret, struct err *err)
{
	plist_t node = plist_at(dict, key);
	char *text = node ? plist_text_of(ctx, node) : NULL;

	*ret = "";
	if (!node)
		return true;
	if (!text)
		return malformed(err, key, "is no text");
	if (strlen(text) > max)
		return malformed(err, key, "is too long");
	*ret = text;
	return true;
}

bool
checkin_who(TALLOC_CTX *ctx, plist_t message, struct checkin_who *ret, struct err *err)
{
	struct checkin_who who = { .udid = "" };
	const char *udid, *id, *user;
	char plain[DEVICE_UDID_SIZE];

	if (!text_at(ctx, message, "UDID", CHECKIN_UDID_SIZE - 1, &udid, err) ||
	    !text_at(ctx, message, "EnrollmentID", CHECKIN_UDID_SIZE - 1, &id, err) ||
	    !text_at(ctx, message, "UserID", USER_MAX, &user, err))
		return false;
	if (!*user && !text_at(ctx, message, "EnrollmentUserID", USER_MAX, &user, err))
		return false;
	who.user_enrollment = !*udid;
	if (who.user_enrollment)
		udid = id;
	if (!is_id(udid))
		return malformed(err, "UDID", "is missing, or none that a device has");
	if (who.user_enrollment || !device_udid(udid, plain))
		snprintf(who.udid, sizeof who.udid, "%s", udid);
	else
		snprintf(who.udid, sizeof who.udid, "%s", plain);
	who.user_id = *user ? user : NULL;
	*ret = who;
	return true;
}

/* ---- reading ---- */

static int
release(struct checkin *checkin)
{
	scoped_plist(&checkin->plist);
	return 0;
}

static bool
read_type(struct checkin *c, struct err *err)
{
	const char *name;

	if (!text_at(c, c->plist, "MessageType", WORD_MAX, &name, err))
		return false;
	for (int i = 0; i < CHECKIN_TYPES_N; i++)
		if (strcmp(name, names[i]) == 0) {
			c->type = (enum checkin_type)i;
			return true;
		}
	return malformed(err, "MessageType", "is missing, or none that is known here");
}

static bool
data_at(struct checkin *c, const char *key, size_t max, struct bytes *ret, struct err *err)
{
	plist_t node = plist_at(c->plist, key);

	*ret = (struct bytes){ 0 };
	if (!node)
		return true;
	if (plist_get_node_type(node) != PLIST_DATA)
		return malformed(err, key, "is no data");
	*ret = plist_data_of(c, node);
	return ret->len <= max || malformed(err, key, "is too long");
}

static bool
read_all(struct checkin *c, struct err *err)
{
	const struct { const char *key; const char **to; size_t max; } texts[] = {
		{ "Topic", &c->topic, 256 }, { "OSVersion", &c->os_version, WORD_MAX },
		{ "BuildVersion", &c->os_build, WORD_MAX }, { "ProductName", &c->product, WORD_MAX },
		{ "SerialNumber", &c->serial, WORD_MAX }, { "DeviceName", &c->device_name, 256 },
		{ "PushMagic", &c->push_magic, 256 }, { "Endpoint", &c->endpoint, ENDPOINT_MAX },
	};

	if (!read_type(c, err) || !checkin_who(c, c->plist, &c->who, err))
		return false;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (!text_at(c, c->plist, texts[i].key, texts[i].max, texts[i].to, err))
			return false;
	if (!data_at(c, "Token", CHECKIN_TOKEN_MAX, &c->token, err) ||
	    !data_at(c, "UnlockToken", CHECKIN_SECRET_MAX, &c->unlock_token, err) ||
	    !data_at(c, "BootstrapToken", CHECKIN_SECRET_MAX, &c->bootstrap_token, err))
		return false;
	if (c->type != CHECKIN_TOKEN_UPDATE || c->who.user_id)
		return true;
	if (c->token.len < CHECKIN_TOKEN_MIN)
		return malformed(err, "Token", "is missing or too short");
	return *c->push_magic && *c->topic ? true : malformed(err, "PushMagic or Topic", "is missing");
}

bool
checkin_read(TALLOC_CTX *ctx, struct bytes body, struct checkin **ret, struct err *err)
{
	struct checkin *c = mem_new(ctx, struct checkin);
	bool ok;

	talloc_set_destructor(c, release);
	c->raw = body;
	ok = plist_open(body, CHECKIN_MAX, &c->plist, err);
	if (ok && plist_get_node_type(c->plist) != PLIST_DICT)
		ok = malformed(err, "the message", "is no dictionary");
	if (!ok || !read_all(c, err)) {
		talloc_free(c);
		return err_at(err, "check-in");
	}
	*ret = c;
	return true;
}

/* ---- answers ---- */

static bool
xml(TALLOC_CTX *ctx, struct checkin_answer *ret, void (*write)(struct buf *, struct bytes), struct bytes arg,
    struct err *err)
{
	struct buf out;

	buf_init(&out, ctx, 2 * CHECKIN_SECRET_MAX);
	plist_write_begin(&out);
	plist_write_dict(&out, NULL);
	write(&out, arg);
	plist_write_dict_end(&out);
	plist_write_end(&out);
	*ret = (struct checkin_answer){ 200, "application/xml", { out.p, out.len } };
	return buf_ok(&out, err);
}

static void
write_bootstrap(struct buf *out, struct bytes token)
{
	if (token.len)
		plist_write_data(out, "BootstrapToken", token);
}

/* It is not offered: the device is erased as ever. */
static void
write_return(struct buf *out, struct bytes none)
{
	(void)none;
	plist_write_dict(out, "ReturnToService");
	plist_write_bool(out, "Enabled", false);
	plist_write_dict_end(out);
}

/*
 * Declarative management is not switched on by us, so no device asks.  One that does is told the truth: there
 * are no declarations, and one of which it knows is gone.
 */
static bool
answer_declarative(const struct checkin *checkin, struct checkin_answer *ret, struct err *err)
{
	static const struct { const char *endpoint, *json; } documents[] = {
		{ "tokens", "{\"SyncTokens\":{\"Timestamp\":\"2026-01-01T00:00:00Z\",\"DeclarationsToken\":\"none\"}}" },
		{ "declaration-items", "{\"Declarations\":{\"Activations\":[],\"Configurations\":[],\"Assets\":[],"
				       "\"Management\":[]},\"DeclarationsToken\":\"none\"}" },
	};

	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
		if (strcmp(checkin->endpoint, documents[i].endpoint) == 0) {
			*ret = (struct checkin_answer){ 200, "application/json",
							{ documents[i].json, strlen(documents[i].json) } };
			return true;
		}
	if (strncmp(checkin->endpoint, "declaration/", 12) == 0)
		ret->status = 404;
	else if (strcmp(checkin->endpoint, "status") != 0)
		return malformed(err, "Endpoint", "is none that devices have");
	return true;
}

bool
checkin_answer(TALLOC_CTX *ctx, const struct checkin *checkin, struct bytes bootstrap_token,
	       struct checkin_answer *ret, struct err *err)
{
	*ret = (struct checkin_answer){ .status = 200 };
	switch (checkin->type) {
	case CHECKIN_USER_AUTHENTICATE:
		ret->status = 410;
		return true;
	case CHECKIN_GET_TOKEN:
		return malformed(err, "TokenServiceType", "is none that is offered here");
	case CHECKIN_GET_BOOTSTRAP:
		return xml(ctx, ret, write_bootstrap, bootstrap_token, err);
	case CHECKIN_RETURN_TO_SERVICE:
		return xml(ctx, ret, write_return, bootstrap_token, err);
	case CHECKIN_DECLARATIVE:
		return answer_declarative(checkin, ret, err);
	case CHECKIN_AUTHENTICATE:
	case CHECKIN_TOKEN_UPDATE:
	case CHECKIN_CHECK_OUT:
	case CHECKIN_SET_BOOTSTRAP:
	case CHECKIN_TYPES_N:
		break;
	}
	return true;
}
