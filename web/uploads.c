#include "web/uploads.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include <string.h>

/* ---- how many at once ---- */

struct uploading {
	struct uploading *next;
	struct site *site;
	char *person_id;
};

static int
leave(struct uploading *u)
{
	struct uploading **at;

	pthread_mutex_lock(&u->site->lock);
	for (at = &u->site->uploading; *at != u; at = &(*at)->next)
		;
	*at = u->next;
	pthread_mutex_unlock(&u->site->lock);
	return 0;
}

bool
upload_slot(TALLOC_CTX *ctx, struct site *site, const struct person *person, struct err *err)
{
	struct uploading *u = mem_new(ctx, struct uploading);
	int64_t most = site_conf(site)->upload_parallel_max, n = 0;

	u->site = site;
	u->person_id = mem_text(u, person->id);
	pthread_mutex_lock(&site->lock);
	for (struct uploading *other = site->uploading; other; other = other->next)
		n += strcmp(other->person_id, person->id) == 0;
	if (n < most) {
		u->next = site->uploading;
		site->uploading = u;
		talloc_set_destructor(u, leave);
	}
	pthread_mutex_unlock(&site->lock);
	return n < most || err_set(err, ERR_RATE, "%lld uploads of yours are under way; wait for one to end",
				   (long long)n);
}

/* ---- reading and publishing ---- */

bool
upload_publish(TALLOC_CTX *ctx, struct site *site, struct blob_draft *draft,
	       const struct build_fields *fields, const struct person *person, char **id, bool *fresh,
	       struct err *err)
{
	const struct conf *conf = site_conf(site);
	struct inspect_opts opts = { .now = clock_now(), .udids = true, .files = true, .sha256 = draft->name,
				     .extra_roots = *conf->apple_extra_provision_roots
						    ? conf->apple_extra_provision_roots : NULL };
	struct inspect *inspect;
	bool died = false, ok;

	ok = inspect_child(ctx, blob_draft_fd(draft), &opts, &inspect, &died, err) &&
	     build_publish(ctx, site->db, site->blobs, draft, inspect, fields, person, id, fresh, err);
	if (died)
		count_add(COUNT_INSPECT_DIED, 1);
	count_add(!ok ? COUNT_UPLOADS_REFUSED : *fresh ? COUNT_UPLOADS_NEW : COUNT_UPLOADS_SAME, 1);
	if (!ok)
		return err_at(err, "upload");
	jobs_wake(site->jobs);
	log_info(*fresh ? "build uploaded" : "the same bytes were here", KV("build", *id), KV("by", person->name),
		 KVI("size", draft->size));
	return true;
}

bool
upload_answer(TALLOC_CTX *ctx, struct site *site, const char *build_id, const struct person *person,
	      json_t **ret, struct err *err)
{
	struct grant_terms terms = grant_terms_ci(site_conf(site));
	json_t *build, *answer;
	char *token;

	if (!build_show(site->db, viewer_of(person), build_id, false, &build, err))
		return false;
	answer = json_pack("{s:o, s:O}", "build", build, "verdict", json_object_get(build, "verdict"));
	if (!json_is_true(json_object_get(build, "installable"))) {
		json_object_set_new(answer, "install_url", json_null());
		json_object_set_new(answer, "manifest_url", json_null());
		json_object_set_new(answer, "qr_url", json_null());
	} else if (!grant_new(ctx, site->db, &terms, build_id, person->id, &token, err)) {
		json_decref(answer);
		return false;
	} else {
		json_object_set_new(answer, "install_url", json_sprintf("%s/i/%s", site->base_url, token));
		json_object_set_new(answer, "manifest_url", json_sprintf("%s/d/%s/manifest.plist", site->base_url, token));
		json_object_set_new(answer, "qr_url", json_sprintf("%s/i/%s/qr.svg", site->base_url, token));
	}
	*ret = answer;
	return true;
}
