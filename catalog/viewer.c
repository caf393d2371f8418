#include "catalog/viewer.h"

struct viewer
viewer_of(const struct person *person)
{
	if (!person)
		return (struct viewer){ .house = false };
	return (struct viewer){ .person_id = person->id, .only = person->bundle_id,
				.few = person->apps || person->bundle_id };
}
