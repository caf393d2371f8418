/* Payload types as people call them. */
#include "core/json.h"
#include "mdm/payload_fact.h"
#include "web/page.h"
#include "web/payload_form.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PAYLOAD_TYPES_MAX 200

/* Its word is called by the type: "ptype_wifi_managed". */
const char *
payload_type_label(struct req *req, const char *type)
{
	char key[PAYLOAD_FORM_NEW_MAX];
	const char *word;

	snprintf(key, sizeof key, "ptype_%s", strncmp(type, "com.apple.", 10) == 0 ? type + 10 : type);
	for (char *c = key; *c; c++)
		if (!isalnum((unsigned char)*c))
			*c = '_';
	word = pages_word(site_pages(req->site), req->language, key);
	return word ? word : type;
}

static int
by_label(const void *a, const void *b)
{
	return strcasecmp(text_of(*(json_t *const *)a, "label"), text_of(*(json_t *const *)b, "label"));
}

json_t *
payload_types(struct req *req)
{
	json_t *list = json_array(), *types[PAYLOAD_TYPES_MAX];
	size_t n = 0;

	for (const struct apple_fact *f = payload_facts(); f && n < PAYLOAD_TYPES_MAX; f = f->next)
		if (!n || strcmp(text_of(types[n - 1], "type"), f->name) != 0)
			types[n++] = json_pack("{s:s, s:s, s:b, s:b, s:o, s:o}", "type", f->name, "label", payload_type_label(req, f->name),
				"supervised", f->supervised, "by_mdm", f->by_mdm, "since", f->since ? json_string(f->since) : json_null(), "until",
				f->until ? json_string(f->until) : json_null());
	qsort(types, n, sizeof *types, by_label);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, types[i]);
	return list;
}
