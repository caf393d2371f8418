#include "tests/check_apps.h"
#include <ctype.h>

void
apps_build(struct story *w, const char *name, const char *build, time_t provision_ends, time_t certificate_ends)
{
	char *shown = mem_text(w->ctx, name), *bundle_id = mem_printf(w->ctx, "com.example.%s", name);
	const char *id = mem_printf(w->ctx, "%s-%s", name, build);
	time_t good = certificate_ends && certificate_ends < provision_ends ? certificate_ends : provision_ends;

	*shown = (char)toupper((unsigned char)*shown);
	story_run(w, "INSERT INTO app (id, bundle_id, name, folded, newest_build_id, created) VALUES ($1, $2, $3, $1, $4, 1)"
		  " ON CONFLICT (id) DO UPDATE SET newest_build_id = excluded.newest_build_id", db_text(name), db_text(bundle_id),
		  db_text(shown), db_text(id));
	story_run(w, "INSERT INTO build (id, app_id, sha256, size, version, build, minimum_os, installable, expires, good_until, installs_until, facts,"
		  " chunk_sha256s, icon57, icon120, icon512, notes, branch, git_commit, ci_url, source, custom_fields, created)"
		  " VALUES ($1, $2, $1, 1, '1.0', $3, '12.0', TRUE, $4, $5, $5, $6, '', '', '', '', '', '', '', '', 'upload', $6, 1)"
		  " ON CONFLICT (id) DO UPDATE SET expires = excluded.expires, good_until = excluded.good_until, installs_until = excluded.installs_until", db_text(id), db_text(name),
		  db_text(build), db_int(provision_ends), db_int(good), db_text("{}"));
	story_run(w, "INSERT INTO build_bundle (build_id, path, app_bundle_id, version, build, uploaded, bundle_id, provision_uuid,"
		  " expires, certificate, certificate_name, certificate_expires) VALUES ($1, '', $2, '1.0', $3, 1, $2, $1, $4, $5, $5, $6)"
		  " ON CONFLICT (build_id, path) DO UPDATE SET expires = excluded.expires, certificate_expires = excluded.certificate_expires",
		  db_text(id), db_text(bundle_id), db_text(build), db_int(provision_ends), db_text(mem_printf(w->ctx, "cert-%s", id)),
		  db_int(certificate_ends));
}

void
apps_channel(struct story *w, const char *name, const char *channel, const char *build_id)
{
	story_run(w, "INSERT INTO channel (id, app_id, name, created, newest_build_id) VALUES ($1, $2, $3, 1, $4)"
		  " ON CONFLICT (id) DO UPDATE SET newest_build_id = excluded.newest_build_id",
		  db_text(mem_printf(w->ctx, "%s %s", name, channel)), db_text(name), db_text(channel), db_text(build_id));
}

void
apps_installed(struct story *w, const char *id, const char *build_id, time_t at)
{
	story_run(w, "INSERT INTO install (id, build_id, state, created, changed) VALUES ($1, $2, 'whole', $3, $3)", db_text(id),
		  db_text(build_id), db_int(at));
}

void
apps_holds(struct story *w, const char *device, const char *build_id, struct apps_end end)
{
	story_run(w, "INSERT INTO device (id, udid, name, enrollment_id, seen, created, changed) VALUES ($1, $1, $1, $1, $2, 1, 1)"
		  " ON CONFLICT (id) DO NOTHING", db_text(device), db_int(STORY_BEGIN + 5000LL * DAY_S));
	story_run(w, "INSERT INTO held_app (device_id, bundle_id, build_id, ends, cause, uuid, path, next) SELECT $1, app_bundle_id, build_id,"
		  " CAST($3 AS BIGINT), $4, $5, $6, CAST($3 AS BIGINT) FROM build_bundle WHERE build_id = $2 AND path = ''"
		  " ON CONFLICT (device_id, bundle_id) DO UPDATE SET build_id = excluded.build_id, ends = excluded.ends,"
		  " cause = excluded.cause, uuid = excluded.uuid, path = excluded.path", db_text(device), db_text(build_id),
		  db_int(end.ends), db_text(end.cause), db_text(end.uuid), db_text(end.path));
}

void
apps_silent(struct story *w, const char *device, time_t since)
{
	story_run(w, "UPDATE device SET seen = $1 WHERE id = $2", db_int(since), db_text(device));
}

void
apps_coming(struct story *w, const char *device, const char *build_id, const char *uuid, const char *state)
{
	story_run(w, "INSERT INTO provision (uuid, name, kind, team_id, app_id, expires, facts, source, created) VALUES ($1, $1, 'enterprise',"
		  " 'TEAM', 'TEAM.*', 1, '', 'upload', 1) ON CONFLICT (uuid) DO NOTHING", db_text(uuid));
	story_run(w, "INSERT INTO provision_fit (build_id, path, uuid) VALUES ($1, '', $2) ON CONFLICT DO NOTHING", db_text(build_id),
		  db_text(uuid));
	story_run(w, "INSERT INTO renewal (device_id, uuid, action, state, changed) VALUES ($1, $2, 'install', $3, 1)"
		  " ON CONFLICT (device_id, uuid, action) DO UPDATE SET state = excluded.state", db_text(device), db_text(uuid),
		  db_text(state));
}
