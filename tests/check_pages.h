#pragma once
/*
 * check_pages - for tests of pages without a server: what page.c would answer with is kept here.
 *
 * Each such test defines these once, by #include in its one file.
 */
#include <jansson.h>
#include "core/mem.h"
#include "web/page.h"

static struct pages *the_pages;
static char *replied;
static int replied_status;
static bool replied_page;

struct pages *
site_pages(struct site *site)
{
	(void)site;
	return the_pages;
}

bool
reply_text(struct reply *reply, int status, const char *type, const char *text)
{
	replied_page = strcmp(type, "text/html; charset=utf-8") == 0;
	replied = mem_text(reply, text);
	replied_status = status;
	return true;
}

bool
reply_json(struct reply *reply, int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	replied_page = false;
	replied = mem_text(reply, text);
	replied_status = status;
	free(text);
	json_decref(json);
	return true;
}
