#pragma once
/*
 * matrix_rows - every route, who may ask it, and what of the thing it is about they must see or own.
 *
 * For test_matrix.c alone.  A route that is new needs its row here, written by who knows what is right and
 * not copied from its table: test_matrix fails until it has one.
 */
#include <stddef.h>

enum need {
	ANYBODY,	/* signed in or not */
	BY_PATH,	/* a token in the path is the proof, and nothing else */
	LOCAL,		/* this host */
	PERSON,
	PUBLISHER,
	ADMIN,		/* never by a token for one app */
};

enum right {
	NONE,		/* about nothing in particular */
	NEVER,		/* what it is about is not here: missing for all who may ask */
	SEES,		/* an app or build: missing for who does not see it */
	OWNS,		/* missing for who does not see it, denied to who sees it */
	MINE,		/* missing for who does not publish it */
	ITEM,		/* one is for qa alone, one for everyone */
	SELF,		/* one's own alone */
	THING,		/* the same for all who may ask */
	GRANT_PATH,	/* by its path: known or not */
};

enum made { NO_ID, BUILD, GRANT, LINK, UPLOAD, TOKEN, AN_ITEM, CATEGORY, GROUP, TESTER, TESTERS, INVITATION, SOMEONE };

/* What is used up by being allowed is made anew for each who is. */
#define EATS	1	/* the id's object */
#define ENDS	2	/* the session that asks */
#define FORM	4	/* the body has fields, else it is JSON */
#define WHOLE	8	/* never by a token for one app */

#define A_FILE "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.ipa\"\r\n\r\nno app\r\n--b--\r\n"

static const struct row {
	const char *route;
	enum need need;
	const char *scope;	/* a token's, that suffices; NULL: none does */
	enum right right;
	enum made id;		/* what :id stands for, if not one of the names below */
	const char *body;	/* %s: the id */
	int flags;
	int always;		/* this status, for all who may ask */
} rows[] = {
	/* what iOS and testers fetch */
	{ "GET /d/:grant/manifest.plist", BY_PATH, NULL, GRANT_PATH },
	{ "GET /d/:grant/app.ipa", BY_PATH, NULL, GRANT_PATH },
	{ "GET /d/:grant/:icon", BY_PATH, NULL, NEVER },
	{ "GET /i/:token", BY_PATH, NULL, GRANT_PATH },
	{ "POST /i/:token", BY_PATH, NULL, NEVER, .flags = FORM },
	{ "POST /i/:token/tapped", BY_PATH, NULL, NEVER, .flags = FORM },
	{ "GET /i/:token/qr.svg", BY_PATH, NULL, GRANT_PATH },
	{ "GET /i/:token/icon.png", BY_PATH, NULL, NEVER },
	{ "GET /i/:token/unsubscribe", BY_PATH, NULL, NEVER },
	{ "POST /i/:token/unsubscribe", BY_PATH, NULL, NEVER, .flags = FORM },
	{ "GET /udid/:token", BY_PATH, NULL, NEVER },
	{ "GET /udid/:token/register.mobileconfig", BY_PATH, NULL, NEVER },
	{ "POST /udid/:token/answer", BY_PATH, NULL, NEVER },
	{ "GET /udid/:token/done/:view", BY_PATH, NULL, NEVER },
	{ "PUT /mdm/checkin", BY_PATH, NULL, NONE, .always = 400 },	/* nothing says which device; never 401 */
	{ "PUT /mdm/command", BY_PATH, NULL, NONE, .always = 400 },
	{ "GET /hooks/sms/:token", BY_PATH, NULL, NONE, .always = 204 },	/* gateways are told nothing */
	{ "POST /hooks/sms/:token", BY_PATH, NULL, NONE, .flags = FORM, .always = 204 },

	{ "GET /e/:token", BY_PATH, NULL, NEVER },
	{ "POST /e/:token/decline", BY_PATH, NULL, NEVER, .flags = FORM },
	{ "GET /scep", BY_PATH, NULL, NONE, .always = 400 },	/* no operation is named */
	{ "POST /scep", BY_PATH, NULL, NONE, .always = 400 },
	{ "GET /scep/:token", BY_PATH, NULL, NONE, .always = 400 },
	{ "POST /scep/:token", BY_PATH, NULL, NONE, .always = 400 },

	/* the catalog */
	{ "GET /", PERSON, NULL, NONE },
	{ "GET /apps/:bundle", PERSON, NULL, SEES },
	{ "GET /apps/:bundle/builds/:id", PERSON, NULL, SEES, BUILD },
	{ "GET /apps/:bundle/channels/:channel", PERSON, NULL, SEES },
	{ "POST /apps/:bundle/builds/:id/install", PERSON, NULL, SEES, BUILD, .flags = FORM },
	{ "GET /apps/:bundle/installs/:id", PERSON, NULL, NEVER },
	{ "GET /apps/:bundle/icon/:size", PERSON, "read", SEES },
	{ "GET /items/:id/icon.png", PERSON, "read", ITEM, AN_ITEM },
	{ "GET /api/v1/apps", PERSON, "read", NONE },
	{ "GET /api/v1/apps/:bundle", PERSON, "read", SEES },
	{ "GET /api/v1/apps/:bundle/builds", PERSON, "read", SEES },
	{ "GET /api/v1/apps/:bundle/channels", PERSON, "read", SEES },
	{ "GET /api/v1/builds/:id", PERSON, "read", SEES, BUILD },
	{ "GET /api/v1/categories", PERSON, "read", NONE },
	{ "GET /api/v1/featured", PERSON, "read", NONE },
	{ "GET /api/v1/installs/:id", ANYBODY, NULL, NEVER },

	/* publishing */
	{ "GET /admin", PUBLISHER, NULL, NONE },
	{ "GET /admin/apps", PUBLISHER, NULL, NONE },
	{ "GET /admin/upload", PUBLISHER, NULL, NONE },
	{ "GET /admin/upload?build=:id", PUBLISHER, NULL, OWNS, BUILD },
	{ "POST /admin/upload", PUBLISHER, NULL, NONE, .body = A_FILE, .flags = FORM },
	{ "PUT /api/v1/upload", PUBLISHER, "upload", NONE, .body = "no app" },
	{ "POST /api/v1/upload", PUBLISHER, "upload", NONE, .body = A_FILE, .flags = FORM },
	{ "OPTIONS /api/v1/uploads", ANYBODY, NULL, NONE },
	{ "POST /api/v1/uploads", PUBLISHER, "upload", NONE },
	{ "GET /api/v1/uploads/:id", PUBLISHER, "upload", SELF, UPLOAD },
	{ "PATCH /api/v1/uploads/:id", PUBLISHER, "upload", SELF, UPLOAD },
	{ "DELETE /api/v1/uploads/:id", PUBLISHER, "upload", SELF, UPLOAD, .flags = EATS },
	{ "GET /admin/apps/:bundle", PUBLISHER, NULL, OWNS },
	{ "GET /admin/apps/:bundle/builds/:id", PUBLISHER, NULL, OWNS, BUILD },
	{ "POST /admin/builds/:id/promote", PUBLISHER, NULL, OWNS, BUILD, "channel=.bad", FORM },
	{ "POST /admin/builds/:id/links", PUBLISHER, NULL, OWNS, BUILD, .flags = FORM },
	{ "POST /admin/builds/:id/delete", PUBLISHER, NULL, OWNS, BUILD, "word=1.0", FORM | EATS },
	{ "POST /admin/grants/:id/revoke", PUBLISHER, NULL, MINE, GRANT, .flags = FORM | EATS },
	{ "POST /api/v1/builds/:id/promote", PUBLISHER, "upload", OWNS, BUILD, "{\"channel\": \".bad\"}" },
	{ "PUT /api/v1/builds/:id/changelog", PUBLISHER, "upload", OWNS, BUILD, "{\"changelog\": \"news\"}" },
	{ "DELETE /api/v1/builds/:id", PUBLISHER, "upload", OWNS, BUILD, .flags = EATS },
	{ "GET /api/v1/builds/:id/grants", PUBLISHER, "upload", OWNS, BUILD },
	{ "POST /api/v1/builds/:id/grants", PUBLISHER, "upload", OWNS, BUILD },
	{ "DELETE /api/v1/grants/:id", PUBLISHER, "upload", MINE, GRANT, .flags = EATS },
	{ "GET /admin/apps/:bundle/settings", PUBLISHER, NULL, OWNS },
	{ "POST /admin/apps/:bundle/settings", PUBLISHER, NULL, OWNS, .body = "category=nowhere", .flags = FORM },
	{ "POST /admin/apps/:bundle/channels/:channel", PUBLISHER, NULL, OWNS, .body = "who=some&rule=any-group&name=nowhere", .flags = FORM },
	{ "GET /api/v1/apps/:bundle/channels/:channel/audience", PUBLISHER, "upload", OWNS },
	{ "PUT /api/v1/apps/:bundle/channels/:channel/audience", PUBLISHER, "upload", OWNS, .body = "{\"group\": \"nowhere\"}" },
	{ "PUT /api/v1/apps/:bundle/channels/:channel/required", PUBLISHER, "upload", OWNS, .body = "{\"required\": false}" },
	{ "GET /api/v1/apps/:bundle/settings", PUBLISHER, "upload", OWNS },
	{ "PUT /api/v1/apps/:bundle/settings", PUBLISHER, "upload", OWNS, .body = "{\"categories\": [\"nowhere\"]}" },
	{ "GET /api/v1/groups", PUBLISHER, "upload", NONE },

	/* testers and their links */
	{ "POST /api/v1/links", PUBLISHER, "upload", MINE, BUILD, "{\"build\": \"%s\"}" },
	{ "GET /api/v1/links", PUBLISHER, "upload", NONE },
	{ "GET /api/v1/links/:id", PUBLISHER, "upload", MINE, LINK },
	{ "POST /api/v1/links/:id/send", PUBLISHER, "upload", MINE, LINK },
	{ "DELETE /api/v1/links/:id", PUBLISHER, "upload", MINE, LINK, .flags = EATS },
	{ "PUT /api/v1/apps/:bundle/links", PUBLISHER, "upload", OWNS, .body = "{\"sign_in\": false}" },
	{ "GET /api/v1/installs", PUBLISHER, "upload", NONE },
	{ "GET /admin/builds/:id/send", PUBLISHER, NULL, OWNS, BUILD },
	{ "POST /admin/builds/:id/send", PUBLISHER, NULL, OWNS, BUILD, "days=x", FORM },
	{ "GET /admin/links", PUBLISHER, NULL, NONE },
	{ "GET /admin/links/:id", PUBLISHER, NULL, MINE, LINK },
	{ "POST /admin/links/:id/send", PUBLISHER, NULL, MINE, LINK, .flags = FORM },
	{ "POST /admin/links/:id/revoke", PUBLISHER, NULL, MINE, LINK, .flags = FORM | EATS },
	{ "GET /admin/installs", PUBLISHER, NULL, NONE },
	{ "GET /admin/testers", PUBLISHER, NULL, NONE },
	{ "POST /admin/testers", PUBLISHER, NULL, NONE, .body = "name=", .flags = FORM },
	{ "POST /admin/testers/import", PUBLISHER, NULL, NONE, .body = "csv=", .flags = FORM },
	{ "GET /admin/testers/:id", PUBLISHER, NULL, THING, TESTER },
	{ "POST /admin/testers/:id", PUBLISHER, NULL, THING, TESTER, "name=", FORM },
	{ "POST /admin/testers/:id/remove", PUBLISHER, NULL, THING, TESTER, .flags = FORM | EATS },
	{ "POST /admin/tester-groups", PUBLISHER, NULL, NONE, .body = "name=", .flags = FORM },
	{ "POST /admin/tester-groups/:id/remove", PUBLISHER, NULL, THING, TESTERS, .flags = FORM | EATS },
	{ "GET /api/v1/contacts", PUBLISHER, "upload", NONE, .flags = WHOLE },
	{ "POST /api/v1/contacts", PUBLISHER, "upload", NONE, .body = "{\"name\": \"\"}", .flags = WHOLE },
	{ "POST /api/v1/contacts/import", PUBLISHER, "upload", NONE, .body = "x", .flags = WHOLE },
	{ "GET /api/v1/contacts/:id", PUBLISHER, "upload", THING, TESTER, .flags = WHOLE },
	{ "PUT /api/v1/contacts/:id", PUBLISHER, "upload", THING, TESTER, "{\"name\": \"Zoe\"}", WHOLE },
	{ "DELETE /api/v1/contacts/:id", PUBLISHER, "upload", THING, TESTER, .flags = WHOLE | EATS },
	{ "GET /api/v1/contact-groups", PUBLISHER, "upload", NONE, .flags = WHOLE },
	{ "POST /api/v1/contact-groups", PUBLISHER, "upload", NONE, .body = "{\"name\": \"\"}", .flags = WHOLE },
	{ "DELETE /api/v1/contact-groups/:id", PUBLISHER, "upload", THING, TESTERS, .flags = WHOLE | EATS },
	{ "PUT /api/v1/contact-groups/:id/contacts/:contact", PUBLISHER, "upload", THING, TESTERS, .flags = WHOLE },
	{ "DELETE /api/v1/contact-groups/:id/contacts/:contact", PUBLISHER, "upload", THING, TESTERS, .flags = WHOLE },
	{ "GET /admin/test-devices", PUBLISHER, NULL, NONE },
	{ "POST /admin/test-devices/:id/name", PUBLISHER, NULL, NEVER, .body = "label=x", .flags = FORM },
	{ "POST /admin/test-devices/:id/remove", PUBLISHER, NULL, NEVER, .flags = FORM },
	{ "GET /api/v1/devices.txt", PUBLISHER, "devices", NONE },
	{ "GET /api/v1/test-devices", PUBLISHER, "devices", NONE },
	{ "PUT /api/v1/test-devices/:id", PUBLISHER, "devices", NEVER, .body = "{\"label\": \"x\"}" },
	{ "DELETE /api/v1/test-devices/:id", PUBLISHER, "devices", NEVER },

	/* one's own account */
	{ "GET /login", ANYBODY, NULL, NONE },
	{ "POST /login", ANYBODY, NULL, NONE, .body = "name=anna&password=wrong", .flags = FORM, .always = 403 },
	{ "POST /logout", ANYBODY, NULL, NONE, .flags = FORM | ENDS },
	{ "GET /account", PERSON, NULL, NONE },
	{ "POST /account/password", PERSON, NULL, NONE, .body = "old=a&new=b&again=c", .flags = FORM },
	{ "POST /account/sign-out", PERSON, NULL, NONE, .flags = FORM | ENDS },
	{ "POST /account/tokens", PERSON, NULL, NONE, .body = "label=x&scope=nothing", .flags = FORM },
	{ "POST /account/tokens/:id/revoke", PERSON, NULL, SELF, TOKEN, .flags = FORM | EATS },
	{ "GET /api/v1/tokens", PERSON, "admin", NONE },
	{ "POST /api/v1/tokens", PERSON, "admin", NONE, .body = "{\"scope\": \"nothing\"}", .flags = WHOLE },
	{ "DELETE /api/v1/tokens/:id", PERSON, "admin", SELF, TOKEN, .flags = EATS },

	/* everybody else's, for admins */
	{ "GET /admin/people", ADMIN, NULL, NONE },
	{ "POST /admin/people", ADMIN, NULL, NONE, .body = "name=&role=member", .flags = FORM },
	{ "GET /admin/people/:id", ADMIN, NULL, THING, SOMEONE },
	{ "POST /admin/people/:id/role", ADMIN, NULL, THING, SOMEONE, "role=member", FORM },
	{ "POST /admin/people/:id/apps", ADMIN, NULL, THING, SOMEONE, "which=all", FORM },
	{ "POST /admin/people/:id/disable", ADMIN, NULL, THING, SOMEONE, .flags = FORM },
	{ "POST /admin/people/:id/enable", ADMIN, NULL, THING, SOMEONE, .flags = FORM },
	{ "POST /admin/people/:id/sign-out", ADMIN, NULL, THING, SOMEONE, .flags = FORM },
	{ "POST /admin/people/:id/unlock", ADMIN, NULL, THING, SOMEONE, .flags = FORM },
	{ "POST /admin/people/:id/password", ADMIN, NULL, THING, SOMEONE, .flags = FORM },
	{ "GET /api/v1/people", ADMIN, "admin", NONE },
	{ "POST /api/v1/people", ADMIN, "admin", NONE, .body = "{\"name\": \"\", \"role\": \"member\"}" },
	{ "GET /api/v1/people/:id", ADMIN, "admin", THING, SOMEONE },
	{ "PATCH /api/v1/people/:id", ADMIN, "admin", THING, SOMEONE, "{\"role\": \"member\"}" },
	{ "DELETE /api/v1/people/:id/sessions", ADMIN, "admin", THING, SOMEONE },
	{ "POST /api/v1/people/:id/unlock", ADMIN, "admin", THING, SOMEONE },
	{ "POST /api/v1/people/:id/password", ADMIN, "admin", THING, SOMEONE },
	{ "GET /admin/directory", ADMIN, NULL, NONE },
	{ "POST /admin/directory", ADMIN, NULL, NONE, .body = "name=x", .flags = FORM },
	{ "POST /api/v1/directory/test", ADMIN, "admin", NONE, .body = "{\"name\": \"x\"}" },
	{ "GET /admin/groups", ADMIN, NULL, NONE },
	{ "POST /admin/groups", ADMIN, NULL, NONE, .body = "name=", .flags = FORM },
	{ "GET /admin/groups/:id", ADMIN, NULL, THING, GROUP },
	{ "POST /admin/groups/:id", ADMIN, NULL, THING, GROUP, "name=renamed", FORM },
	{ "POST /admin/groups/:id/people", ADMIN, NULL, THING, GROUP, "name=olga", FORM | EATS },
	{ "POST /admin/groups/:id/people/:person/take", ADMIN, NULL, THING, GROUP, .flags = FORM },
	{ "POST /admin/groups/:id/remove", ADMIN, NULL, THING, GROUP, .flags = FORM | EATS },
	{ "POST /api/v1/groups", ADMIN, "admin", NONE, .body = "{\"name\": \"\"}" },
	{ "GET /api/v1/groups/:id", ADMIN, "admin", THING, GROUP },
	{ "PUT /api/v1/groups/:id", ADMIN, "admin", THING, GROUP, "{\"name\": \"another name\"}" },
	{ "DELETE /api/v1/groups/:id", ADMIN, "admin", THING, GROUP, .flags = EATS },
	{ "PUT /api/v1/groups/:id/people/:name", ADMIN, "admin", THING, GROUP, .flags = EATS },
	{ "DELETE /api/v1/groups/:id/people/:name", ADMIN, "admin", THING, GROUP },

	/* what the catalog shows besides */
	{ "GET /admin/catalog-items", ADMIN, NULL, NONE },
	{ "POST /admin/catalog-items", ADMIN, NULL, NONE, .flags = FORM },
	{ "GET /admin/catalog-items/:id", ADMIN, NULL, THING, AN_ITEM },
	{ "POST /admin/catalog-items/:id", ADMIN, NULL, THING, AN_ITEM, "kind=web&title=x&url=https%3A%2F%2Fa.example&who=everyone", FORM | EATS },
	{ "POST /admin/catalog-items/:id/remove", ADMIN, NULL, THING, AN_ITEM, .flags = FORM | EATS },
	{ "POST /admin/featured", ADMIN, NULL, NONE, .body = "app=com.example.nowhere", .flags = FORM },
	{ "POST /admin/categories", ADMIN, NULL, NONE, .body = "name=", .flags = FORM },
	{ "POST /admin/categories/:id", ADMIN, NULL, THING, CATEGORY, "name=same&place=1", FORM },
	{ "POST /admin/categories/:id/remove", ADMIN, NULL, THING, CATEGORY, .flags = FORM | EATS },
	{ "POST /api/v1/categories", ADMIN, "admin", NONE, .body = "{\"name\": \"\"}" },
	{ "PUT /api/v1/categories/:id", ADMIN, "admin", THING, CATEGORY, "{\"place\": 1}" },
	{ "DELETE /api/v1/categories/:id", ADMIN, "admin", THING, CATEGORY, .flags = EATS },
	{ "PUT /api/v1/featured", ADMIN, "admin", NONE, .body = "{\"apps\": [\"com.example.nowhere\"]}" },
	{ "GET /api/v1/items", ADMIN, "admin", NONE },
	{ "POST /api/v1/items", ADMIN, "admin", NONE, .body = "{\"kind\": \"web\", \"name\": \"x\", \"url\": \"ftp://x\"}" },
	{ "GET /api/v1/items/:id", ADMIN, "admin", THING, AN_ITEM },
	{ "PUT /api/v1/items/:id", ADMIN, "admin", THING, AN_ITEM, "{\"kind\": \"web\", \"name\": \"x\", \"url\": \"https://a.example\"}", EATS },
	{ "PUT /api/v1/items/:id/icon", ADMIN, "admin", NONE, .body = "no icon" },
	{ "DELETE /api/v1/items/:id", ADMIN, "admin", THING, AN_ITEM, .flags = EATS },

	/* devices that came back */
	{ "GET /admin/devices/came-back", ADMIN, NULL, NONE },
	{ "POST /admin/devices/came-back/take", ADMIN, NULL, NONE, .flags = FORM },
	{ "POST /admin/devices/came-back/:id/take", ADMIN, NULL, NEVER, .flags = FORM },
	{ "POST /admin/devices/came-back/:id/refuse", ADMIN, NULL, NEVER, .flags = FORM },
	{ "GET /api/v1/came-back", ADMIN, "devices", NONE },
	{ "POST /api/v1/came-back/take", ADMIN, "devices", NONE },
	{ "POST /api/v1/came-back/:id/take", ADMIN, "devices", NEVER },
	{ "POST /api/v1/came-back/:id/refuse", ADMIN, "devices", NEVER },

	/* invitations to set up a device */
	{ "POST /invitation/decline", PERSON, NULL, NONE, .flags = FORM },
	{ "GET /admin/invitations", ADMIN, NULL, NONE },
	{ "GET /admin/invitations/new", ADMIN, NULL, NONE },
	{ "POST /admin/invitations/new", ADMIN, NULL, NONE, .body = "way=any", .flags = FORM },
	{ "POST /admin/invitations/:id/resend", ADMIN, NULL, THING, INVITATION, .flags = FORM },
	{ "POST /admin/invitations/:id/revoke", ADMIN, NULL, THING, INVITATION, .flags = FORM | EATS },
	{ "GET /admin/invitations.csv", ADMIN, "devices", NONE },
	{ "GET /api/v1/invitations", ADMIN, "devices", NONE },
	{ "POST /api/v1/invitations", ADMIN, "devices", NONE, .body = "{\"persons\": []}" },
	{ "GET /api/v1/invitations/missing", ADMIN, "devices", NONE },
	{ "GET /api/v1/invitations/:id", ADMIN, "devices", THING, INVITATION },
	{ "POST /api/v1/invitations/:id/resend", ADMIN, "devices", THING, INVITATION },
	{ "DELETE /api/v1/invitations/:id", ADMIN, "devices", THING, INVITATION, .flags = EATS },

	/* managed devices */
	{ "GET /admin/devices", ADMIN, NULL, NONE },
	{ "GET /admin/devices.csv", ADMIN, NULL, NONE },
	{ "POST /admin/devices", ADMIN, NULL, NONE, .body = "verb=erase", .flags = FORM },
	{ "GET /admin/devices/:id", ADMIN, NULL, NEVER },
	{ "GET /admin/devices/:id/:table", ADMIN, NULL, NEVER },
	{ "POST /admin/devices/:id/do", ADMIN, NULL, NEVER, .body = "verb=lock", .flags = FORM },
	{ "POST /admin/devices/:id/command", ADMIN, NULL, NEVER, .body = "command=x", .flags = FORM },
	{ "POST /admin/devices/:id/clear", ADMIN, NULL, NEVER, .flags = FORM },
	{ "POST /admin/devices/:id/retire", ADMIN, NULL, NEVER, .body = "reason=x&confirm=x", .flags = FORM },
	{ "POST /admin/devices/:id/commands/:uuid/cancel", ADMIN, NULL, NEVER, .flags = FORM },
	{ "POST /admin/devices/:id/commands/:uuid/resend", ADMIN, NULL, NEVER, .flags = FORM },
	{ "GET /api/v1/devices", ADMIN, "devices", NONE },
	{ "GET /api/v1/devices.csv", ADMIN, "devices", NONE },
	{ "GET /api/v1/devices/:id", ADMIN, "devices", NEVER },
	{ "GET /api/v1/devices/:id/:table", ADMIN, "devices", NEVER },
	{ "GET /api/v1/devices/:id/answers/:type", ADMIN, "devices", NEVER },
	{ "POST /api/v1/devices/:id/retire", ADMIN, "devices", NEVER, .body = "{\"reason\": \"x\"}" },
	{ "POST /api/v1/commands", ADMIN, "devices", NONE, .body = "{\"verb\": \"lock\"}" },
	{ "POST /api/v1/devices/:id/commands", ADMIN, "devices", NEVER, .body = "{\"verb\": \"lock\"}" },
	{ "GET /api/v1/devices/:id/commands", ADMIN, "devices", NEVER },
	{ "DELETE /api/v1/devices/:id/commands", ADMIN, "devices", NEVER },
	{ "GET /api/v1/devices/:id/commands/:uuid", ADMIN, "devices", NEVER },
	{ "DELETE /api/v1/devices/:id/commands/:uuid", ADMIN, "devices", NEVER },
	{ "POST /api/v1/devices/:id/commands/:uuid/resend", ADMIN, "devices", NEVER },
	{ "POST /api/v1/devices/:id/commands/:uuid/reveal", ADMIN, "devices", NEVER },

	/* running it */
	{ "GET /admin/settings", ADMIN, NULL, NONE },
	{ "POST /admin/settings", ADMIN, NULL, NONE, .body = "company_name=&accent=x", .flags = FORM },
	{ "GET /admin/settings/preview/:colour/accent.css", ADMIN, NULL, NONE },
	{ "GET /crl", ANYBODY, NULL, NEVER },
	{ "GET /crl/:key", ANYBODY, NULL, NEVER },
	{ "GET /admin/ca", ADMIN, "admin", NONE },
	{ "GET /admin/ca.pem", ADMIN, "admin", NEVER },
	{ "GET /admin/ca/certificates/:sha256", ADMIN, "admin", NEVER },
	{ "POST /admin/ca/certificates/:sha256/revoke", ADMIN, NULL, NEVER, NO_ID, "reason=superseded", FORM },
	{ "GET /api/v1/ca", ADMIN, "admin", NONE },
	{ "GET /api/v1/certificates", ADMIN, "admin", NONE },
	{ "GET /api/v1/certificates/:sha256", ADMIN, "admin", NEVER },
	{ "POST /api/v1/certificates/:sha256/revoke", ADMIN, "admin", NEVER, NO_ID, "{\"reason\":\"superseded\"}" },
	{ "GET /admin/audit", ADMIN, NULL, NONE },
	{ "GET /admin/audit.csv", ADMIN, "admin", NONE },
	{ "GET /api/v1/audit", ADMIN, "admin", NONE },
	{ "GET /admin/push", ADMIN, NULL, NONE },
	{ "POST /admin/push/csr", ADMIN, NULL, NONE, .flags = FORM },
	{ "POST /admin/push/import", ADMIN, NULL, NONE, .body = A_FILE, .flags = FORM },
	{ "POST /admin/push/resume", ADMIN, NULL, NONE, .flags = FORM },
	{ "POST /admin/push/test", ADMIN, NULL, NEVER, .body = "device=", .flags = FORM },
	{ "GET /api/v1/push", ADMIN, "admin", NONE, .flags = WHOLE },
	{ "POST /api/v1/push/requests", ADMIN, "admin", NONE, .body = "{}", .flags = WHOLE },
	{ "PUT /api/v1/push/certificate", ADMIN, "admin", NONE, .body = "x", .flags = WHOLE },
	{ "POST /api/v1/push/resume", ADMIN, "admin", NONE, .body = "{}", .flags = WHOLE },
	{ "POST /api/v1/push/test", ADMIN, "admin", NEVER, .body = "{\"device\": \"nobody\"}", .flags = WHOLE },
	{ "GET /admin/expiry", PUBLISHER, NULL, NONE },
	{ "GET /admin/expiry/identities", ADMIN, NULL, NONE },
	{ "POST /admin/expiry/feeds", PUBLISHER, NULL, NONE, .flags = FORM },
	{ "POST /admin/expiry/feeds/:id/revoke", PUBLISHER, NULL, NEVER, .flags = FORM },
	{ "GET /expiry/:file", BY_PATH, NULL, NEVER },
	{ "POST /account/endings", PERSON, NULL, NONE, .body = "mails=yes", .flags = FORM },
	{ "GET /api/v1/expiry", PERSON, "read", NONE },
	{ "GET /api/v1/expiry/identities", ADMIN, "devices", NONE, .flags = WHOLE },
	{ "GET /admin/messages", ADMIN, NULL, NONE },
	{ "POST /admin/messages/:id/retry", ADMIN, NULL, NEVER, .flags = FORM },
	{ "GET /admin/sending", ADMIN, NULL, NONE },
	{ "POST /admin/sending/mail", ADMIN, NULL, NONE, .body = "to=", .flags = FORM },
	{ "POST /admin/sending/sms", ADMIN, NULL, NONE, .body = "to=", .flags = FORM },
	{ "GET /api/v1/messages", ADMIN, "admin", NONE },
	{ "GET /api/v1/messages/:id", ADMIN, "admin", NEVER },
	{ "POST /api/v1/messages/:id/retry", ADMIN, "admin", NEVER },
	{ "POST /api/v1/messages/test", ADMIN, "admin", NONE, .body = "{}" },
	{ "POST /api/v1/messages/bounces", ADMIN, "admin", NONE, .body = "x" },
	{ "POST /api/v1/challenges", ADMIN, "admin", NONE, .body = "{\"subject\": \"\"}", .flags = WHOLE },
	{ "GET /api/v1/scep-requests", ADMIN, "admin", NONE, .flags = WHOLE },
	{ "POST /api/v1/scep-requests/:id/approve", ADMIN, "admin", NEVER, .body = "{}", .flags = WHOLE },
	{ "POST /api/v1/scep-requests/:id/refuse", ADMIN, "admin", NEVER, .flags = WHOLE },
	{ "GET /admin/scep-requests", ADMIN, NULL, NONE },
	{ "POST /admin/scep-requests/:id/approve", ADMIN, NULL, NEVER, .body = "subject=CN%3Dx", .flags = FORM },
	{ "POST /admin/scep-requests/:id/refuse", ADMIN, NULL, NEVER, .flags = FORM },
	{ "GET /assets/:hash/logo", ANYBODY, NULL, NEVER },
	{ "GET /assets/:hash/:file", ANYBODY, NULL, NEVER },
	{ "GET /healthz", ANYBODY, NULL, NONE },
	{ "GET /readyz", LOCAL, NULL, NONE },
	{ "GET /metrics", LOCAL, NULL, NONE },
	{ "GET /api/v1/openapi.json", ANYBODY, NULL, NONE },
	{ "GET /trust", ANYBODY, NULL, NONE },
	{ "GET /trust/ca.mobileconfig", ANYBODY, NULL, NEVER },
	{ "GET /trust/ca.pem", ANYBODY, NULL, NEVER },

	/* devices that enroll */
	{ "GET /enroll", PERSON, NULL, NONE },
	{ "POST /enroll", PERSON, NULL, NONE, .flags = FORM },
	{ "GET /enrolled", PERSON, NULL, NONE },
	{ "GET /admin/enrollments", ADMIN, NULL, NONE },
	{ "POST /admin/enrollments/:id/approve", ADMIN, NULL, NEVER, .flags = FORM },
	{ "POST /admin/enrollments/:id/refuse", ADMIN, NULL, NEVER, .flags = FORM },
	{ "GET /api/v1/enroll/approvals", ADMIN, "devices", NONE },
	{ "POST /api/v1/enroll/approvals/:id/approve", ADMIN, "devices", NEVER, .body = "{}" },
	{ "POST /api/v1/enroll/approvals/:id/refuse", ADMIN, "devices", NEVER, .body = "{}" },
	{ "POST /admin/settings/clip", ADMIN, NULL, NONE, .body = "label=Apps&on=yes", .flags = FORM },
	{ "POST /admin/devices/:id/clip", ADMIN, NULL, NONE, SOMEONE, .flags = FORM, .always = 409 },
	{ "GET /api/v1/devices/:id/clip", ADMIN, "devices", NEVER },
	{ "POST /api/v1/devices/:id/clip", ADMIN, "devices", NONE, SOMEONE, .body = "{}", .always = 409 },
	{ "GET /c/:token", BY_PATH, NULL, NEVER },
	{ "GET /c/:token/apps/:bundle", BY_PATH, NULL, NEVER },
	{ "POST /c/:token/apps/:bundle", BY_PATH, NULL, NEVER, .flags = FORM },
	{ "POST /c/:token/updates", BY_PATH, NULL, NEVER, .flags = FORM },
	{ "GET /c/:token/apps/:bundle/icon/:size", BY_PATH, NULL, NEVER },
	{ "GET /c/:token/items/:id/icon.png", BY_PATH, NULL, NEVER },
	{ "GET /c/:token/manifest.webmanifest", BY_PATH, NULL, NEVER },
	{ "GET /enroll/:token/service.mobileconfig", BY_PATH, NULL, NEVER },
	{ "GET /enroll/direct.mobileconfig", BY_PATH, NULL, NEVER },
	{ "POST /enroll/:token", BY_PATH, NULL, NEVER },
	{ "POST /api/v1/enroll/sessions", ADMIN, "devices", NONE, .body = "{\"person\": null}" },
	{ "GET /api/v1/enroll/sessions/:id", ADMIN, "devices", NEVER },
	{ "POST /api/v1/devices/:id/renew", ADMIN, "devices", NEVER },
	{ "GET /.well-known/com.apple.remotemanagement", BY_PATH, NULL, NONE, .always = 403 },	/* as Apple says no */
	/* apps on managed devices */
	{ "GET /api/v1/devices/:id/apps", ADMIN, "devices", NEVER },
	{ "POST /api/v1/devices/:id/apps", ADMIN, "devices", NEVER, .body = "{\"bundle_id\": \"com.example.canteen\"}" },
	{ "DELETE /api/v1/devices/:id/apps/:bundle", ADMIN, "devices", NEVER },
	{ "GET /api/v1/apps/:bundle/devices", PUBLISHER, "upload", OWNS },
	{ "GET /api/v1/apps/:bundle/rollout", PUBLISHER, "upload", OWNS },
	{ "PUT /api/v1/apps/:bundle/rollout", PUBLISHER, "upload", OWNS, .body = "{\"keep_current\": false}" },
	{ "POST /api/v1/apps/:bundle/rollout/step", PUBLISHER, "upload", OWNS, .body = "{\"build_id\": \"none\"}", .always = 404 },
	{ "POST /api/v1/apps/:bundle/rollout/stop", PUBLISHER, "upload", OWNS, .body = "{\"build_id\": \"none\"}", .always = 404 },
	{ "GET /api/v1/apps/:bundle/configurations", PUBLISHER, "upload", OWNS },
	{ "POST /api/v1/apps/:bundle/configurations", PUBLISHER, "upload", OWNS, .body = "{\"name\": \"\", \"configuration\": {}}", .always = 422 },
	{ "GET /api/v1/apps/:bundle/configurations/:id", PUBLISHER, "upload", OWNS, .always = 404 },
	{ "PUT /api/v1/apps/:bundle/configurations/:id", PUBLISHER, "upload", OWNS, .body = "{\"name\": \"\", \"configuration\": {}}", .always = 422 },
	{ "DELETE /api/v1/apps/:bundle/configurations/:id", PUBLISHER, "upload", OWNS, .always = 404 },
};
#define ROWS (sizeof rows / sizeof *rows)
