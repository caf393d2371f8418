/* What Apple's answers mean: Apple: "Handling notification responses from APNs". */
#include "mdm/apns.h"
#include <jansson.h>
#include <string.h>

#define BODY_MAX 4096

/* The first row that fits; status 0 and reason NULL are any. */
static const struct row {
	int status;
	const char *reason;
	enum apns_todo todo;
} rows[] = {
	{ 200, NULL,				APNS_TAKEN },
	{ 400, "BadDeviceToken",		APNS_DROP_TOKEN },
	{ 400, "DeviceTokenNotForTopic",	APNS_DROP_TOKEN },
	{ 400, "IdleTimeout",			APNS_UNSENT },
	/* MissingTopic BadTopic TopicDisallowed MissingDeviceToken BadPriority BadExpirationDate BadMessageId
	 * BadCollapseId DuplicateHeaders PayloadEmpty InvalidPushType: what we sent is wrong */
	{ 400, NULL,				APNS_BUG },
	/* BadCertificate BadCertificateEnvironment Forbidden and the three of provider tokens */
	{ 403, NULL,				APNS_HALT },
	{ 410, NULL,				APNS_GONE },	/* Unregistered ExpiredToken */
	{ 429, NULL,				APNS_LATER },
	{ 500, NULL,				APNS_RETRY },
	{ 503, NULL,				APNS_RETRY },
	/* in a GOAWAY, without a status */
	{ 0,   "BadCertificate",		APNS_HALT },
	{ 0,   "BadCertificateEnvironment",	APNS_HALT },
	{ 0,   "Forbidden",			APNS_HALT },
};

static enum apns_todo
find(int status, const char *reason)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].status == status && (!rows[i].reason || strcmp(rows[i].reason, reason) == 0))
			return rows[i].todo;
	if (status == 0)
		return APNS_UNSENT;
	return status >= 500 ? APNS_RETRY : APNS_BUG;	/* 404 BadPath, 405, 413, and what is not known */
}

static bool
is_word(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

	return len > 0 && len < APNS_REASON_SIZE && !text[len];
}

void
apns_judge(int status, struct bytes body, struct apns_answer *ret)
{
	json_t *json = body.len && body.len <= BODY_MAX ? json_loadb(body.p, body.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const char *reason = json_string_value(json_object_get(json, "reason"));
	json_int_t timestamp = json_integer_value(json_object_get(json, "timestamp"));

	*ret = (struct apns_answer){ .status = status, .timestamp = timestamp > 0 ? timestamp : 0 };
	if (reason && is_word(reason))
		memcpy(ret->reason, reason, strlen(reason) + 1);
	ret->todo = find(status, ret->reason);
	json_decref(json);
}
