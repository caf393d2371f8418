#include "web/browser.h"
#include <string.h>
#include <strings.h>
#include "core/num.h"

static bool
has_one(const char *agent, const char *const *words)
{
	for (; *words; words++)
		if (strcasestr(agent, *words))
			return true;
	return false;
}

/* "17_5_1 like Mac" as "17.5.1"; nothing when it does not fit. */
static void
version_at(const char *text, char os[BROWSER_OS_SIZE])
{
	size_t n = strspn(text, "0123456789_.");

	if (!n || n >= BROWSER_OS_SIZE)
		return;
	memcpy(os, text, n);
	os[n] = '\0';
	for (char *c = os; *c; c++)
		*c = *c == '_' ? '.' : *c;
}

void
browser_read(const char *agent, struct browser *ret)
{
	/* Apps that name themselves; others on iOS are told by what they leave out. */
	static const char *const apps[] = { "MicroMessenger", "DingTalk", "FBAN", "FBAV", "Instagram", "Line/",
		"LinkedInApp", "Slack", "GSA/", "CriOS", "FxiOS", "EdgiOS", "OPiOS", "DuckDuckGo", "Snapchat", "Twitter",
		"Teams/", "Weibo", "QQ/", NULL };
	static const char *const robots[] = { "bot", "facebookexternalhit", "crawler", "spider", "preview", "WhatsApp/",
		"SkypeUriPreview", "Google-InspectionTool", NULL };
	const char *os, *version;
	char by_version[BROWSER_OS_SIZE] = "";

	*ret = (struct browser){ 0 };
	if (!agent)
		return;
	ret->robot = has_one(agent, robots);
	ret->iphone = strstr(agent, "(iPhone;") || strstr(agent, "(iPod");
	ret->ipad = strstr(agent, "(iPad;");
	ret->mac_safari = strstr(agent, "(Macintosh;") && strstr(agent, " Version/") && strstr(agent, " Safari/") &&
			  !strstr(agent, "Chrome/") && !ret->robot;
	ret->in_app = has_one(agent, apps) || ((ret->iphone || ret->ipad) && !strstr(agent, "Safari/"));
	if (!ret->iphone && !ret->ipad)
		return;
	os = strstr(agent, " OS ");
	version = strstr(agent, " Version/");
	if (os)
		version_at(os + 4, ret->os);
	if (version)
		version_at(version + 9, by_version);
	if (*by_version && num_version_compare(by_version, ret->os) > 0)
		memcpy(ret->os, by_version, sizeof ret->os);
}
