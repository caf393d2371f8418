#pragma once
/*
 * provision_take - a .mobileprovision that came alone: read by the sandboxed child, kept, judged against the builds
 * that are here; what it will renew, and what is still missing for a set.
 */
#include "catalog/person.h"
#include "core/conf.h"

/*
 * {provision{}, fresh, renews[{app,version,build,path,bundle_id,build_id,devices}], missing[text]}; renews: bundles
 * whose own one it can stand in for; missing: what holds a set back, of those builds.  `person` NULL: the operator.
 * *died: its reader had to be stopped.  Refusals are provision_add's, and not_provision, too_large, hostile_plist.
 */
bool provision_take(TALLOC_CTX *ctx, struct db *db, const struct conf *conf, const struct person *person, struct bytes file,
		    json_t **ret, struct err *err) CHECKED;
