/* What ends of apps: provisions, and the certificates that signed builds; rows of web/endings.c. */
#include "catalog/held_list.h"
#include "catalog/renewal.h"
#include "core/clock.h"
#include "core/json.h"
#include "web/ending_sources.h"
#include <string.h>

#define LAST_S	(7 * DAY_S)	/* so near its end a renewal that is on its way is not left to itself */

static time_t
time_of(const json_t *json, const char *key)
{
	struct err ignored;
	time_t at;

	return clock_parse(text_of(json, key), &at, &ignored) ? at : 0;
}

static bool
put(const struct ending *ending, ending_add *add, void *arg, struct err *err)
{
	if (ending->ends <= clock_now() - ENDING_PAST_S)
		return true;
	return add(arg, ending) || err_set(err, ERR_LIMIT, "more than %d things end", ENDINGS_MAX);
}

/* A build that outlives it: on its way to all of them, to some, offered and on its way to none; NULL: there is none. */
static const char *
anew_doing(const json_t *e)
{
	json_int_t devices = json_integer_value(json_object_get(e, "devices")), anew = json_integer_value(json_object_get(e, "anew"));

	return anew >= devices ? "anew" : json_integer_value(json_object_get(e, "offered")) > 0 ? "anew_offered" : anew ? "anew_some" : NULL;
}

bool
renewal_stands(struct site *site, const json_t *e)
{
	const struct conf *conf = site_conf(site);

	return conf->renewal_paused && json_integer_value(json_object_get(e, "wanted")) > 0 &&
	       time_of(e, "ends") > clock_now() + conf->renewal_days_before * DAY_S;
}

static json_int_t
count_of(const json_t *e, const char *key)
{
	return json_integer_value(json_object_get(e, key));
}

/* Of an app; of one build of it, where it is about no other. */
static const char *
name_of(TALLOC_CTX *ctx, const json_t *e)
{
	return count_of(e, "builds") > 1 ? text_of(e, "app") :
	       mem_printf(ctx, "%s %s (%s)", text_of(e, "app"), text_of(e, "version"), text_of(e, "build"));
}

static const char *
provision_doing(const json_t *e, bool stands)
{
	json_int_t waiting = count_of(e, "waiting");

	if (stands || count_of(e, "paused") > 0)
		return stands ? "provision_stands" : "provision_paused";
	if (waiting >= count_of(e, "devices"))
		return count_of(e, "silent") > 0 ? "provision_silent" : "provision";
	return waiting + count_of(e, "failed") > 0 ? "provision_some" : anew_doing(e) ? anew_doing(e) : "provision_none";
}

/* Of one app on managed devices, whatever builds of it they have; several provisions are several things. */
static bool
add_provision(TALLOC_CTX *ctx, struct site *site, const json_t *e, ending_add *add, void *arg, struct err *err)
{
	const char *doing = provision_doing(e, renewal_stands(site, e));
	struct ending ending = {
		.subject = mem_printf(ctx, "%s %s", text_of(e, "bundle_id"), text_of(e, "uuid")),
		.name = text_of(e, "app"), .bundle_id = text_of(e, "bundle_id"), .ends = time_of(e, "ends"),
		.devices = count_of(e, "devices"), .people = count_of(e, "people"), .builds = count_of(e, "builds"),
		.href = "/admin/provisions", .doing = doing,
	};

	if (ending.devices > 0)
		ending.devices_href = mem_printf(ctx, "/admin/held?bundle_id=%s&provision=%s&cause=provision&ends=%s",
						 text_of(e, "bundle_id"), text_of(e, "uuid"), text_of(e, "ends"));
	ending.quiet = strcmp(doing, "provision") == 0 && !count_of(e, "failed") && ending.ends > clock_now() + LAST_S;
	return put(&ending, add, arg, err);
}

/* The certificate that signed it ends before any provision of it: only a build that is signed anew helps (MUST 67). */
static bool
add_signature(TALLOC_CTX *ctx, struct site *site, const json_t *e, ending_add *add, void *arg, struct err *err)
{
	const struct ending ending = {
		.subject = mem_printf(ctx, "%s %s", text_of(e, "bundle_id"), text_of(e, "certificate")), .name = name_of(ctx, e),
		.bundle_id = text_of(e, "bundle_id"), .ends = time_of(e, "ends"), .devices = count_of(e, "devices"),
		.people = count_of(e, "people"), .builds = count_of(e, "builds"), .href = "/admin/provisions",
		.doing = anew_doing(e) ? anew_doing(e) : "resign",
		.devices_href = mem_printf(ctx, "/admin/held?bundle_id=%s&cause=certificate&ends=%s", text_of(e, "bundle_id"),
					   text_of(e, "ends")),
	};

	(void)site;
	return put(&ending, add, arg, err);
}

typedef bool add_held(TALLOC_CTX *ctx, struct site *site, const json_t *held, ending_add *add, void *arg, struct err *err);

static bool
list_held(TALLOC_CTX *ctx, struct site *site, const char *cause, add_held *each, time_t until, ending_add *add, void *arg,
	  struct err *err)
{
	json_t *held, *e;
	bool ok = true;
	size_t i;

	if (!renewal_app_endings(site->db, cause, until, clock_now() - site_conf(site)->mdm_silent_days * DAY_S, &held, err))
		return false;
	json_array_foreach(held, i, e)
		ok = ok && each(ctx, site, e, add, arg, err);
	json_decref(held);
	return ok;
}

bool
ending_provisions(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	return list_held(ctx, site, "provision", add_provision, until, add, arg, err);
}

bool
ending_signatures(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	return list_held(ctx, site, "certificate", add_signature, until, add, arg, err);
}

/* A newer provision that saves the devices does nothing for who installs a build, or has it, without management. */
bool
ending_builds(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	json_t *builds, *e;
	bool ok = true;
	size_t i;

	if (!renewal_builds(site->db, until, &builds, err))
		return false;
	json_array_foreach(builds, i, e) {
		const struct ending ending = {
			.subject = text_of(e, "bundle_id"), .bundle_id = text_of(e, "bundle_id"), .name = name_of(ctx, e),
			.ends = time_of(e, "ends"), .devices = -1, .people = -1, .builds = count_of(e, "builds"), .doing = "build",
			.href = mem_printf(ctx, "/admin/apps/%s", text_of(e, "bundle_id")),
		};

		ok = ok && put(&ending, add, arg, err);
	}
	json_decref(builds);
	return ok;
}

static const char *const *
texts_of(TALLOC_CTX *ctx, const json_t *list)
{
	const char **texts = mem_array(ctx, const char *, json_array_size(list) + 1);

	for (size_t i = 0; i < json_array_size(list); i++)
		texts[i] = json_string_value(json_array_get(list, i));
	return texts;
}

/* For the publishers of what it signed: it is they who sign anew. */
bool
ending_distribution(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	json_t *list, *c;
	bool ok = true;
	size_t i;

	if (!renewal_certificates(site->db, until, &list, err))
		return false;
	json_array_foreach(list, i, c) {
		const struct ending ending = {
			.subject = text_of(c, "sha1"), .name = text_of(c, "name"), .ends = time_of(c, "ends"),
			.apps = texts_of(ctx, json_object_get(c, "apps")),
			.devices = json_integer_value(json_object_get(c, "devices")), .people = -1, .doing = "resign",
			.href = "/admin/provisions",
			.devices_href = mem_printf(ctx, "/admin/held?certificate=%s", text_of(c, "sha1")),
		};

		ok = ok && put(&ending, add, arg, err);
	}
	json_decref(list);
	return ok;
}

/* ---- whose devices; by what the subjects above say ---- */

static bool
devices_of_app(struct site *site, const struct ending *e, struct held_filter filter, int64_t most, json_t **ret, struct err *err)
{
	filter.bundle_id = e->bundle_id;
	filter.ends = e->ends;
	return held_devices(site->db, &filter, most, ret, err);
}

bool
ending_provision_devices(struct site *site, const struct ending *e, int64_t most, json_t **ret, struct err *err)
{
	const char *space = strchr(e->subject, ' ');

	return devices_of_app(site, e, (struct held_filter){ .cause = "provision", .uuid = space ? space + 1 : NULL }, most, ret, err);
}

bool
ending_signature_devices(struct site *site, const struct ending *e, int64_t most, json_t **ret, struct err *err)
{
	return devices_of_app(site, e, (struct held_filter){ .cause = "certificate" }, most, ret, err);
}

bool
ending_distribution_devices(struct site *site, const struct ending *e, int64_t most, json_t **ret, struct err *err)
{
	return held_devices(site->db, &(struct held_filter){ .certificate = e->subject }, most, ret, err);
}
