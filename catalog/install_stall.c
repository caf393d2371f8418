/* Two tables: the first row whose condition holds is the word. */
#include "catalog/install_stall.h"
#include "catalog/family.h"
#include "core/num.h"
#include <string.h>

static bool
quiet(const struct install_seen *s, enum install_kind kind)
{
	return s->last[kind] && s->now - s->last[kind] >= INSTALL_QUIET_S;
}

/* ---- what keeps it from going on ---- */

static bool
old(const struct install_seen *s)
{
	return *s->os && *s->minimum_os && num_version_compare(s->minimum_os, s->os) > 0;
}

static bool
family(const struct install_seen *s)
{
	return s->ipad_only && family_is_phone(s->model);
}

static bool
slow(const struct install_seen *s)
{
	return s->last[INSTALL_IPA] && s->quiet_s >= INSTALL_QUIET_S;
}

static bool
not_loading(const struct install_seen *s)
{
	return !s->last[INSTALL_IPA] && s->last[INSTALL_MANIFEST] && quiet(s, INSTALL_ICON);
}

static bool
not_begun(const struct install_seen *s)
{
	return !s->last[INSTALL_IPA] && !s->last[INSTALL_ICON] && quiet(s, INSTALL_MANIFEST);
}

static bool
not_asked(const struct install_seen *s)
{
	return !s->last[INSTALL_IPA] && !s->last[INSTALL_MANIFEST] && quiet(s, INSTALL_TAPPED);
}

static bool
again(const struct install_seen *s)
{
	return s->taps > 1 && not_asked(s);
}

/* ---- where to look ---- */

static bool
expired(const struct install_seen *s)
{
	return s->expires && s->expires <= s->now;
}

static bool
listed(const struct install_seen *s)
{
	return s->listed && strcmp(s->listed, "*") != 0;
}

static bool
trust(const struct install_seen *s)
{
	return s->listed && strcmp(s->listed, "*") == 0;
}

struct reason {
	const char *word;
	bool (*is)(const struct install_seen *s);
};

static const struct reason stalls[] = {
	{ "old", old }, { "family", family }, { "slow", slow }, { "not_loading", not_loading }, { "not_begun", not_begun },
	{ "again", again }, { "not_asked", not_asked }, { NULL, NULL }
};

static const struct reason looks[] = {
	{ "expired", expired }, { "listed", listed }, { "trust", trust }, { NULL, NULL }
};

static const char *
first_of(const struct reason *reasons, const struct install_seen *s)
{
	while (reasons->word && !reasons->is(s))
		reasons++;
	return reasons->word;
}

static bool
ended(const struct install_seen *s)
{
	return s->last[INSTALL_INSTALLED] || s->last[INSTALL_DECLINED] || s->last[INSTALL_FAILED] || s->last[INSTALL_TIMED_OUT];
}

const char *
install_stalled(const struct install_seen *s)
{
	return ended(s) || s->last[INSTALL_WHOLE] ? NULL : first_of(stalls, s);
}

const char *
install_look(const struct install_seen *s)
{
	return ended(s) || !s->last[INSTALL_WHOLE] ? NULL : first_of(looks, s);
}
