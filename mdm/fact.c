#include "mdm/fact.h"

const struct fact fact_table[] = {
#define F(group, name, source, key, type, also, sim) \
	{ FACT_##group, #name, FACT_FROM_##source, key, FACT_##type, also, sim },
	FACTS(F)
#undef F
};
const size_t fact_table_n = sizeof fact_table / sizeof *fact_table;

static const char *const groups[] = {
	[FACT_NETWORK] = "network", [FACT_DEVICE] = "device", [FACT_APPS] = "apps", [FACT_COMPLIANCE] = "compliance",
};

const char *
fact_group_name(enum fact_group group)
{
	return groups[group];
}

/* SIMCarrierNetwork ended with iOS 5 and is not asked for: a phone that knows it says it by the newer name. */
#define QUERY_DEVICE(key)	key,
#define QUERY_SECURITY(key)
static const char *const queries[] = {
#define F(group, name, source, key, type, also, sim) QUERY_##source(key)
	FACTS(F)
#undef F
	"Model", "ServiceSubscriptions",
};

const char *const *
fact_queries(size_t *n)
{
	*n = sizeof queries / sizeof *queries;
	return queries;
}
