/* A table of contacts from anywhere, and what a daemon says of itself. */
#include "tests/fuzz/fuzz.h"
#include "catalog/contact_import.h"
#include "catalog/install_watch.h"
#include "core/text.h"
#include "web/browser.h"
#include <assert.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char *text = mem_textn(ctx, (const char *)data, size);
	char model[INSTALL_MODEL_SIZE], os[INSTALL_OS_SIZE];
	struct browser browser;
	struct import *import;
	struct err err;

	install_agent(text, model, os);
	assert(strspn(model, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.") == strlen(model));
	browser_read(text, &browser);
	if (!import_read(ctx, (struct bytes){ data, size }, &import, &err))
		return 0;
	for (size_t i = 0; i < import->n; i++) {
		const struct import_row *row = &import->rows[i];

		assert((row->state == IMPORT_BAD) == (row->reason != NULL));
		if (row->state == IMPORT_BAD)
			continue;
		assert(*row->contact.email || *row->contact.phone);
		assert(*row->contact.name && strlen(row->contact.name) <= CONTACT_NAME_MAX);
		assert(text_valid(row->contact.name, strlen(row->contact.name)));
		assert(!strpbrk(row->contact.email, " \r\n<>,;\""));
	}
	return 0;
}
