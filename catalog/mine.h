#pragma once
/*
 * mine - the right to publish an app as a part of each query: what is not theirs is not found.
 */
#include "catalog/person.h"

/* Apps `a` that person $1 publishes, by a token for the app $2 ('': any). */
#define MINE "EXISTS (SELECT 1 FROM person me WHERE me.id = $1 AND NOT me.disabled" \
	" AND (me.role = 'admin' OR (me.role = 'publisher' AND (me.all_apps OR EXISTS" \
	" (SELECT 1 FROM publisher_app x WHERE x.person_id = me.id AND x.bundle_id = a.bundle_id)))))" \
	" AND ($2 = '' OR a.bundle_id = $2)"
#define ME(person) db_text((person)->id), db_text((person)->bundle_id ? (person)->bundle_id : "")
