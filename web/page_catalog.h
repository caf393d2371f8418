#pragma once
/*
 * page_catalog - the catalog and the page of an app, for whoever looks: somebody who has signed in, a device behind
 * its web clip, or somebody who has signed in on a device that we manage.
 */
#include "web/clip_visit.h"

struct catalog_view {
	struct viewer viewer;
	const char *home;		/* "" for "/", or "/c/<token>": in front of every path of the page */
	const struct clip_visit *visit;	/* the device that asks; NULL: none that is known */
	bool by_clip;			/* nobody has signed in: the device alone */
};

bool catalog_page(struct req *req, struct reply *reply, const struct catalog_view *view, struct err *err) CHECKED;
bool catalog_app_page(struct req *req, struct reply *reply, const struct catalog_view *view, const char *bundle_id,
		      const char *build_id, struct err *err) CHECKED;
/* A build they see; ERR_MISSING also for one of another app. */
bool catalog_build(struct req *req, struct viewer viewer, const char *bundle_id, const char *id, json_t **ret,
		   struct err *err) CHECKED;
bool catalog_icon(struct req *req, struct reply *reply, struct viewer viewer, struct err *err) CHECKED;	/* :bundle, :size */
