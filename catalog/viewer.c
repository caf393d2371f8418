#include "catalog/viewer.h"

struct viewer
viewer_of(const struct person *person)
{
	return person ? (struct viewer){ .person_id = person->id, .only = person->bundle_id }
		      : (struct viewer){ .house = false };
}
