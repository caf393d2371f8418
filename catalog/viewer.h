#pragma once
/*
 * viewer - who sees which app and build, and who may change them: the one policy of the catalog.
 *
 *   An app's publisher (an admin, a publisher of all apps, a publisher named for it) sees all of it:
 *   every channel and build.
 *   Anybody else sees a channel that is for everyone or whose audience holds them, the builds in it,
 *   and an app that has such a channel with a build; its newest is what was placed last in one of those.
 *   An item (a web app, an App Store link) is seen by an admin and by those it is for.
 *   A token for one app narrows all of it to that app.
 *   What somebody does not see is ERR_MISSING, as if it did not exist; what they see and may not
 *   change is ERR_DENIED.
 *   The house itself sees everything: jobs, and whoever shows another proof (a grant, a link).
 *
 * The policy is part of each query, so that no handler can forget it; it reads roles from the rows of
 * the moment.  A query that uses it begins its parameters with VIEWER(v), which are $1 to $3, and calls
 * its tables `a` (app), `b` (build), `c` (channel), `i` (item).
 */
#include "catalog/person.h"

struct viewer {
	bool house;
	const char *person_id;	/* NULL: nobody */
	const char *only;	/* the one app a token is for; NULL: any */
	bool few;		/* publishes named apps: how a query is put, never what it answers */
};

struct viewer viewer_of(const struct person *person);	/* NULL: nobody, who sees nothing */
#define VIEWER_HOUSE	((struct viewer){ .house = true })

#define VIEWER(v)	db_bool((v).house), db_text((v).person_id), db_text((v).only)

#define VIEWER_TOKEN_	"(CAST($3 AS TEXT) IS NULL OR a.bundle_id = $3)"
#define VIEWER_OWNER_OF_(person) "(EXISTS (SELECT 1 FROM person v WHERE v.id = " person " AND NOT v.disabled" \
	" AND (v.role = 'admin' OR (v.role = 'publisher' AND v.all_apps)))" \
	" OR EXISTS (SELECT 1 FROM publisher_app o JOIN person v ON v.id = o.person_id WHERE o.person_id = " person \
	" AND o.bundle_id = a.bundle_id AND v.role = 'publisher' AND NOT v.disabled))"
#define VIEWER_OWNER_	"(CAST($1 AS BOOLEAN) OR " VIEWER_OWNER_OF_("$2") ")"
#define VIEWER_HELD_OF_(audience_id, person) "(" audience_id " IS NULL AND CAST(" person " AS TEXT) IS NOT NULL" \
	" OR EXISTS (SELECT 1 FROM audience_person w WHERE w.audience_id = " audience_id " AND w.person_id = " person "))"
#define VIEWER_HELD_(audience_id) VIEWER_HELD_OF_(audience_id, "$2")

/* Conditions: may they change app a; do they see channel c of app a, build b of app a, app a? */
#define VIEWER_OWNS	"(" VIEWER_TOKEN_ " AND " VIEWER_OWNER_ ")"
#define VIEWER_SEES_CHANNEL "(" VIEWER_TOKEN_ " AND (" VIEWER_HELD_("c.audience_id") " OR " VIEWER_OWNER_ "))"
#define VIEWER_SEES_BUILD "(" VIEWER_TOKEN_ " AND (EXISTS (SELECT 1 FROM placement vp JOIN channel vc" \
	" ON vc.id = vp.channel_id WHERE vp.build_id = b.id AND " VIEWER_HELD_("vc.audience_id") ")" \
	" OR " VIEWER_OWNER_ "))"
#define VIEWER_SEES_APP	"(" VIEWER_NEWEST " IS NOT NULL)"
/* The id of the build they are shown of app a; NULL: they do not see the app. */
#define VIEWER_NEWEST	"(CASE WHEN NOT " VIEWER_TOKEN_ " THEN NULL WHEN CAST($1 AS BOOLEAN) THEN a.newest_build_id" \
	" ELSE " VIEWER_NEWEST_OF("$2") " END)"
/* The same of whoever stands in a row, for queries about many people: it needs no VIEWER(v). */
#define VIEWER_NEWEST_OF(person) "(CASE WHEN " VIEWER_OWNER_OF_(person) " THEN a.newest_build_id" \
	" ELSE (SELECT vc.newest_build_id FROM channel vc WHERE vc.app_id = a.id AND vc.newest_build_id IS NOT NULL" \
	" AND " VIEWER_HELD_OF_("vc.audience_id", person) " ORDER BY vc.newest_at DESC, vc.newest_build_id DESC LIMIT 1) END)"
/* Must they have app a? Only of channels they are held by: what one sees as a publisher binds nobody. */
#define VIEWER_REQUIRED	"EXISTS (SELECT 1 FROM channel vr WHERE vr.app_id = a.id AND vr.required" \
	" AND vr.newest_build_id IS NOT NULL AND " VIEWER_HELD_("vr.audience_id") ")"

/* Do they see item i (a web app, an App Store link)?  Its owner is whoever keeps them: an admin. */
#define VIEWER_SEES_ITEM "(CAST($3 AS TEXT) IS NULL AND (CAST($1 AS BOOLEAN) OR " VIEWER_HELD_("i.audience_id") \
	" OR EXISTS (SELECT 1 FROM person v WHERE v.id = $2 AND NOT v.disabled AND v.role = 'admin')))"
