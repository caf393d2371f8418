#include "catalog/family.h"
#include <string.h>

enum { IPHONE = 1, IPAD = 2 };

static bool
has(const json_t *facts, int family)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(facts, "device_family"), i, item)
		if (json_integer_value(item) == family)
			return true;
	return false;
}

bool
family_is_ipads(const json_t *facts)
{
	return has(facts, IPAD) && !has(facts, IPHONE);
}

bool
family_has_iphone(const json_t *facts)
{
	return has(facts, IPHONE) || json_array_size(json_object_get(facts, "device_family")) == 0;
}

bool
family_is_phone(const char *product)
{
	return product && (strncmp(product, "iPhone", 6) == 0 || strncmp(product, "iPod", 4) == 0);
}
