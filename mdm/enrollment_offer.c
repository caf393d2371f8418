#include "mdm/enrollment_offer.h"
#include "core/count.h"
#include <string.h>

bool
enrollment_as_offered(struct db *db, const struct identity *identity, const struct bound *b, const struct checkin_who *who,
		      struct err *err)
{
	bool by_enrollment_id = b->enrollment && strcmp(b->enrollment->kind, "user") == 0;

	if (who->user_enrollment == by_enrollment_id)
		return true;
	count_add(COUNT_MDM_OTHER_KIND, 1);
	return enrollment_refuse(db, identity, who->udid, by_enrollment_id ?
				 "it is an enrollment of a user, and says to be one of the device" :
				 "it says to be an enrollment of a user, which it was not offered", err);
}

/* "": we do not know. */
static bool
given(TALLOC_CTX *ctx, struct db *tx, const struct bound *b, const char **ret, struct err *err)
{
	const struct enrollment *e = b->enrollment;
	struct enroll_session *s;

	*ret = e && *e->topic ? e->topic : b->session ? b->session->topic : "";
	if (**ret || !e)
		return true;
	if (enroll_session_get(ctx, tx, e->session_id, &s, err)) {
		*ret = s->topic;
		return true;
	}
	return err->kind == ERR_MISSING;
}

bool
enrollment_topic(TALLOC_CTX *ctx, struct db *db, struct db *tx, const struct identity *identity, const struct bound *b,
		 const struct checkin *checkin, const char **ret, struct err *err)
{
	const char *topic;

	if (!given(ctx, tx, b, &topic, err))
		return false;
	if (*topic && *checkin->topic && strcmp(topic, checkin->topic) != 0) {
		count_add(COUNT_MDM_OTHER_TOPIC, 1);
		return enrollment_refuse(db, identity, checkin->who.udid, "its Topic is not the one that it was given", err);
	}
	*ret = *topic ? topic : checkin->topic;
	return true;
}
