/* Devices whose identity will not be new by itself, by the week in which it ends; a row of web/endings.c. */
#include "core/clock.h"
#include "core/json.h"
#include "mdm/ends.h"
#include "web/ending_sources.h"

#define IDENTITY_DAYS	60	/* before its end a device that is silent counts */
#define IDENTITY_LATE	14	/* and any that is not renewed by then, or by half of the time that it is tried */

struct ends_span
endings_identity_span(struct site *site, time_t until)
{
	int64_t tried = site_conf(site)->mdm_identity_renew_days, late = tried / 2 < IDENTITY_LATE ? tried / 2 : IDENTITY_LATE;
	time_t now = clock_now(), most = ends_week_of(now + IDENTITY_DAYS * DAY_S) + 7 * DAY_S;	/* whole weeks */

	return (struct ends_span){
		.from = now - ENDING_PAST_S, .until = until < most ? until : most, .late = now + late * DAY_S,
		.heard = now - site_conf(site)->mdm_silent_days * DAY_S,
	};
}

/* One for all devices of a week: nobody reads 400 mails. */
bool
ending_identities(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	struct ends_span span = endings_identity_span(site, until);
	struct ends_week *weeks;
	size_t n;

	if (!ends_identities(ctx, site->db, &span, &weeks, &n, err))
		return false;
	for (size_t i = 0; i < n; i++) {
		char day[11];
		struct ending ending = { .subject = clock_day(weeks[i].monday, day), .ends = weeks[i].monday,
					 .devices = weeks[i].devices, .people = -1, .doing = "identity",
					 .href = "/admin/expiry/identities" };

		if (!add(arg, &ending))
			return err_set(err, ERR_LIMIT, "more than %d things end", ENDINGS_MAX);
	}
	return true;
}

bool
ending_identity_devices(struct site *site, const struct ending *e, int64_t most, json_t **ret, struct err *err)
{
	struct ends_span span = endings_identity_span(site, e->ends + 7 * DAY_S);
	json_t *list, *item, *names;
	size_t i;

	span.from = span.from > e->ends ? span.from : e->ends;
	if (!ends_identity_list(site->db, &span, NULL, most, &list, err))
		return false;
	names = json_array();
	json_array_foreach(json_object_get(list, "items"), i, item)
		json_array_append_new(names, json_pack("{s:O, s:O}", "device", json_object_get(item, *text_of(item, "name") ? "name" : "serial"),
						       "person", json_object_get(item, "person")));
	json_decref(list);
	*ret = names;
	return true;
}
