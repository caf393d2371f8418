#include "mdm/command_fact.h"
#include <pthread.h>

static const struct apple_fact *facts;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
facts_read(void)
{
	facts = apple_facts_read("mdm/command_facts.tsv");
}

const struct apple_fact *
command_facts(void)
{
	pthread_once(&once, facts_read);
	return facts;
}

const struct apple_fact *
command_fact(const char *request_type)
{
	return apple_fact_find(command_facts(), request_type);
}
