#include "web/endings.h"

const struct ending_source ending_sources[] = {
	{ 0 }
};
