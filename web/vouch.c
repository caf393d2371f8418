#include "web/vouch.h"
#include "catalog/attempts.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "core/num.h"
#include "core/secret.h"
#include "core/text.h"
#include "mdm/own_mobileconfig.h"
#include "web/clientcert.h"
#include "web/rooms.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SETS		512
#define WAYS		4
#define ID_SIZE		32
#define BASIC_MAX	2048	/* bytes of the credentials as sent */

/* ---- what has been found out ---- */

static struct known {
	char hash[SECRET_HASH_SIZE];	/* of what was shown, keyed; "": free */
	char id[ID_SIZE];		/* the person's */
	int64_t at_ms;
} table[SETS][WAYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* A key of this process: who reads its memory dump later cannot try passwords by these hashes alone, and a
 * page's csrf value is good until the next restart. */
static const char *
keyed(TALLOC_CTX *ctx, const char *what, const char *text, char hash[SECRET_HASH_SIZE])
{
	static char key[SECRET_HASH_SIZE];

	pthread_mutex_lock(&lock);
	if (!*key)
		snprintf(key, sizeof key, "%s", secret_token(ctx));
	pthread_mutex_unlock(&lock);
	return secret_hash(mem_printf(ctx, "%s\n%s\n%s", key, what, text), hash);
}

static struct known *
set_of(const char *hash)
{
	char digits[9] = "";

	memcpy(digits, hash, 8);
	return table[strtoul(digits, NULL, 16) % SETS];
}

static bool
known_get(const char *hash, char id[ID_SIZE])
{
	struct known *set = set_of(hash);
	bool found = false;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < WAYS && !found; i++)
		if (strcmp(set[i].hash, hash) == 0 && clock_ms() - set[i].at_ms < VOUCH_S * 1000) {
			memcpy(id, set[i].id, ID_SIZE);
			found = true;
		}
	pthread_mutex_unlock(&lock);
	return found;
}

static void
known_put(const char *hash, const char *id)
{
	struct known *set = set_of(hash), *oldest = set;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < WAYS; i++) {
		if (strcmp(set[i].hash, hash) == 0) {
			oldest = &set[i];
			break;
		}
		if (set[i].at_ms < oldest->at_ms)
			oldest = &set[i];
	}
	*oldest = (struct known){ .at_ms = clock_ms() };
	snprintf(oldest->hash, sizeof oldest->hash, "%s", hash);
	snprintf(oldest->id, sizeof oldest->id, "%s", id);
	pthread_mutex_unlock(&lock);
}

static void
known_forget(const char *hash)
{
	struct known *set = set_of(hash);

	pthread_mutex_lock(&lock);
	for (int i = 0; i < WAYS; i++)
		if (strcmp(set[i].hash, hash) == 0)
			set[i] = (struct known){ .at_ms = 0 };
	pthread_mutex_unlock(&lock);
}

void
vouch_forget(void)
{
	pthread_mutex_lock(&lock);
	memset(table, 0, sizeof table);
	pthread_mutex_unlock(&lock);
}

/* ---- what is shown ---- */

struct vouch {
	const char *name, *password;	/* password NULL: the proxy's own header; name NULL: nothing is shown */
	char hash[SECRET_HASH_SIZE];
	char id[ID_SIZE];		/* whom it is known to be; "": to be found out */
};

static bool
is_bearer(const char *text)
{
	return text && strncasecmp(text, "Bearer ", 7) == 0;
}

/* "Basic " and base64 of name:password, UTF-8 (RFC 7617). */
static bool
read_basic(struct req *req, const char *text, struct vouch *shown)
{
	struct bytes raw;
	char *name, *colon;
	size_t len = strlen(text);

	if (strncasecmp(text, "Basic ", 6) != 0 || len > BASIC_MAX || !num_unbase64(req, text + 6, len - 6, &raw) ||
	    !text_valid(raw.p, raw.len))
		return false;
	name = mem_textn(req, raw.p, raw.len);
	colon = strchr(name, ':');
	if (!colon)
		return false;
	*colon = '\0';
	shown->name = name;
	shown->password = colon + 1;
	return true;
}

/* What is shown and may be believed; looked at once, so that what was known stays so for this request. */
static const struct vouch *
look(struct req *req)
{
	const struct conf *conf = site_conf(req->site);
	const char *authorization = req_header(req, "Authorization"), *header;
	struct vouch *shown = req->vouch;

	if (shown)
		return shown;
	req->vouch = shown = mem_new(req, struct vouch);
	if (!req->proxied || is_bearer(authorization))
		return shown;
	header = *conf->signin_proxy_header ? req_header(req, conf->signin_proxy_header) : NULL;
	if (header && *header && strlen(header) <= DIRECTORY_NAME_MAX && text_valid(header, strlen(header)))
		shown->name = header;
	else if (!conf->signin_proxy_basic || !authorization || !read_basic(req, authorization, shown))
		return shown;
	keyed(req, shown->password ? "basic" : "header",
	      shown->password ? mem_printf(req, "%s\n%s", shown->name, shown->password) : shown->name, shown->hash);
	known_get(shown->hash, shown->id);
	return shown;
}

bool
vouch_waits(struct req *req)
{
	enum who who = req->route->who;
	const struct vouch *shown;

	if (who == WHO_GRANT || who == WHO_LINK || who == WHO_DEVICE)
		return false;
	shown = look(req);
	return shown->name && !*shown->id;
}

/* ---- headers that are not believed ---- */

struct spoof {
	char address[64], header[80];
};

static bool
tx_spoof(struct db *tx, void *arg, struct err *err)
{
	struct spoof *spoof = arg;

	return audit_add(tx, "system", "proxy.spoofed", spoof->address, spoof->header, err);
}

static void
note(struct req *req, const char *name, const char *address)
{
	struct spoof *spoof;

	log_warn("a header of proxies came from elsewhere and was dropped", KV("header", name), KV("address", req->address));
	spoof = mem_new(NULL, struct spoof);
	snprintf(spoof->address, sizeof spoof->address, "%s", address);
	snprintf(spoof->header, sizeof spoof->header, "%s", name);
	db_later(req->site->db, tx_spoof, spoof);
}

void
vouch_note_spoof(struct req *req, const char *name)
{
	const char *address;

	if (req->proxied || !*name || !req_has_header(req, name))
		return;
	address = attempts_address(req, req->address);
	if (attempts_note(mem_printf(req, "spoof\n%s", address)))
		note(req, name, address);
}

/* Noted apart, so that it hides no header that would sign somebody in. */
void
vouch_note_forwarded(struct req *req)
{
	static const char *const names[] = { "X-Forwarded-For", "X-Forwarded-Proto" };
	const char *name = NULL, *address = attempts_address(req, req->address);

	for (size_t i = 0; !req->proxied && !name && i < sizeof names / sizeof *names; i++)
		if (req_has_header(req, names[i]))
			name = names[i];
	if (!name)
		return;
	count_add(COUNT_FORWARDED_DROPPED, 1);
	if (*site_conf(req->site)->server_trusted_proxies && attempts_note_minor(mem_printf(req, "forwarded\n%s", address)))
		note(req, name, address);
}

/* ---- reading ---- */

/* Of a program, not of somebody's browser that another site's page might be using. */
static bool
is_program(struct req *req)
{
	static const char *const marks[] = { "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Cookie", "Referer" };

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (req_has_header(req, marks[i]))
			return false;
	return !req->browser;
}

static bool
find_out(struct req *req, const struct vouch *shown, struct err *err)
{
	struct signin signin = site_signin(req->site);
	bool ok;

	if (!turn_take(req->site, err))
		return false;
	ok = shown->password ? signin_password(req, &signin, shown->name, shown->password, req->address, &req->person, err)
			     : signin_named(req, &signin, shown->name, &req->person, err);
	turn_give(req->site);
	if (!ok)
		return signin_blame(err);
	if (!signin_vouched(req->site->db, req->person, shown->password ? "HTTP Basic" : "a proxy's header", err))
		return false;
	known_put(shown->hash, req->person->id);
	return true;
}

/*
 * A person's own certificate (/eas) that the proxy passes on beside the name must be that person's: a name may be
 * another's by now, and a list of revoked ones is read by proxies now and then.
 */
static bool
check_shown(struct req *req, struct err *err)
{
	struct client_cert shown;
	const char *whose;
	bool revoked;

	if (!*site_conf(req->site)->server_client_cert_header)
		return true;
	if (!clientcert_of(req, &shown, err))
		return false;
	if (!shown.der.len)
		return true;
	if (!own_whose(req, req->site->db, shown.sha256, &whose, &revoked, err))
		return false;
	if (revoked)
		return err_code(err, ERR_DENIED, "certificate_revoked", "the certificate that was shown is revoked");
	return !whose || strcmp(whose, req->person->id) == 0 ||
	       err_code(err, ERR_DENIED, "other_person", "the certificate that was shown is somebody else's");
}

const char *
vouch_csrf(struct req *req)
{
	char hash[SECRET_HASH_SIZE];

	return mem_text(req, keyed(req, "csrf", req->person->id, hash));
}

bool
vouch_read(struct req *req, struct err *err)
{
	const struct vouch *shown = look(req);

	if (!shown->name)
		return true;
	if (!*shown->id) {
		if (!find_out(req, shown, err)) {
			req->person = NULL;
			return false;
		}
	} else if (!person_by_id(req, req->site->db, shown->id, &req->person, err)) {
		known_forget(shown->hash);	/* disabled meanwhile, or gone */
		return err->kind == ERR_MISSING
			       ? err_code(err, ERR_DENIED, "account_disabled", "your account is disabled here")
			       : false;
	}
	if (!check_shown(req, err)) {
		req->person = NULL;
		return false;
	}
	req->vouched = true;
	req->program = shown->password && is_program(req);
	req->session_csrf = vouch_csrf(req);
	return true;
}
