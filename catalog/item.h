#pragma once
/*
 * item - what the catalog lists beside our own apps: a web app, or an app in the App Store.
 */
#include "catalog/viewer.h"

#define ITEM_NAME_MAX		80	/* bytes */
#define ITEM_SUBTITLE_MAX	120
#define ITEM_URL_MAX		2000
#define ITEMS_MAX		500

struct item_fields {
	const char *kind;		/* "web" or "store" */
	const char *name, *subtitle;	/* subtitle NULL: "" */
	const char *url;		/* https://...; of the store also an id, "1234567890" */
	const char *icon;		/* blob name, pinned by the caller; NULL: stays as it is */
	const json_t *audience;		/* catalog/audience.h; NULL: everyone */
	const json_t *categories;	/* [name, ...]; NULL: none */
};

/* ERR_INVALID when a field is no good; for admins (the route says so), and audited. */
bool item_add(TALLOC_CTX *ctx, struct db *db, const struct person *person, const struct item_fields *fields,
	      char **id, struct err *err) CHECKED;
bool item_change(struct db *db, const struct person *person, const char *id, const struct item_fields *fields,
		 struct err *err) CHECKED;
bool item_set_icon(struct db *db, const struct person *person, const char *id, const char *icon, struct err *err) CHECKED;
bool item_remove(struct db *db, const struct person *person, const char *id, struct err *err) CHECKED;

/* What it will be kept as: of the store https://apps.apple.com/..., whatever was given. */
bool item_url(TALLOC_CTX *ctx, const char *kind, const char *url, const char **ret, struct err *err) CHECKED;

/* What a list asks for: those behind (folded, id) whose folded name is like `pattern`, in one category (folded)
 * or in any (NULL). */
struct list_place {
	const char *folded, *id, *pattern, *category;
	int64_t limit;
};
#define LIST_PLACE(p) db_text((p)->folded), db_text((p)->id), db_text((p)->pattern), db_int((p)->limit), \
	db_text((p)->category)

/* [{id, kind, name, subtitle, url, folded}] in the order of (folded, id): for app_list, which mixes them in. */
bool item_list(struct db *db, struct viewer viewer, const struct list_place *place, json_t **ret,
	       struct err *err) CHECKED;

/* For who keeps them: {id, kind, name, subtitle, url, audience, categories[]}. */
bool item_edit(struct db *db, const char *id, json_t **ret, struct err *err) CHECKED;
bool item_icon(TALLOC_CTX *ctx, struct db *db, struct viewer viewer, const char *id, char **name,
	       struct err *err) CHECKED;
