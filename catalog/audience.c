/*
 * Table `audience_person`.
 */
#include "catalog/audience.h"

bool
audience_refresh_person(struct db *tx, const char *person_id, struct err *err)
{
	return db_run(tx, err, "DELETE FROM audience_person WHERE person_id = $1", db_text(person_id));
}
