#pragma once
/*
 * enroll_house - what all doors of enrollment need of this installation: names, addresses, CA, limits.
 */
#include "mdm/enroll.h"
#include "web/site.h"

/* What keeps anybody from enrolling here; NULL: nothing does. */
enum enroll_lack { ENROLL_READY, ENROLL_NO_CA, ENROLL_NO_TOPIC };
bool enroll_lacks(struct req *req, enum enroll_lack *lack, char **topic, struct err *err) CHECKED;

/* ERR_CONFLICT "no_ca", "no_push_certificate", where enroll_lacks says so. */
bool enroll_topic(struct req *req, char **topic, struct err *err) CHECKED;

bool enroll_house_of(struct req *req, struct enroll_house *ret, struct err *err) CHECKED;
/* The same where there is no request: for a language. */
bool enroll_house_for(TALLOC_CTX *ctx, struct site *site, const char *language, struct enroll_house *ret,
		      struct err *err) CHECKED;

/* person_id, invitation_id: NULL: none. */
struct enroll_wish enroll_wish_of(TALLOC_CTX *ctx, struct site *site, const char *actor, const char *person_id,
				  const char *invitation_id);

/* What a device answers in a phase of the Profile Service: by Apple's certificate, or by one of ours. */
bool enroll_read_answer(struct req *req, struct device_answer **answer, struct err *err) CHECKED;

/* What AccessRights come to, as part enroll-sees of the pages wants it.  Apple: com.apple.mdm. */
json_t *enroll_rights(int64_t access_rights);

/* Where a session's mobileconfig is; the direct one NULL where it is off or cannot work. */
const char *enroll_url(TALLOC_CTX *ctx, struct site *site, const char *token);
/* ERR_DENIED "no_direct_way" where enroll.direct is off, ERR_CONFLICT "outside_ca" where it cannot work. */
bool enroll_direct_may(const struct conf *conf, struct err *err) CHECKED;
const char *enroll_direct_url(TALLOC_CTX *ctx, struct site *site, const char *token);
