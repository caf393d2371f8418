#include "catalog/renewal.h"

bool
renewal_before_install(struct db *tx, const char *device_id, const char *build_id, struct err *err)
{
	(void)tx, (void)device_id, (void)build_id, (void)err;
	return true;
}
