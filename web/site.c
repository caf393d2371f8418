/*
 * Everything that serves, wired once: database, files, jobs, pages, servers.
 */
#include "web/site.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/secret.h"
#include "mdm/device_answer.h"
#include "mdm/pusher.h"
#include "web/clip.h"
#include "web/outbox.h"
#include "web/own_house.h"
#include "web/own_upn.h"
#include "web/rooms.h"
#include "web/vouch.h"
#include <dirent.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOB_THREADS	3	/* one of them is never at what is slow */
#define CA_PEM_MAX	(64u << 10)
#define MASTER_KEY_MAX	4096
#define ROOTS_PEM_MAX	(1u << 20)

const struct route *const site_routes[] = {
	install_routes,
	catalog_routes,
	console_routes,
	build_routes,
	upload_routes,
	tus_routes,
	settings_routes,
	people_routes,
	person_routes,
	directory_routes,
	look_routes,
	operator_routes,
	trust_routes,
	message_routes,
	link_routes,
	link_page_routes,
	contact_routes,
	tester_routes,
	send_routes,
	link_console_routes,
	registration_routes,
	device_routes,
	audience_routes,
	group_routes,
	item_routes,
	audit_routes,
	authority_routes,
	scep_routes,
	scep_console_routes,
	mdm_routes,
	enroll_routes,
	enroll_device_routes,
	invitation_routes,
	invited_routes,
	came_back_routes,
	invitation_api_routes,
	managed_routes,
	command_routes,
	device_page_routes,
	push_routes,
	payload_routes,
	mobileconfig_routes, mobileconfig_page_routes, mobileconfig_payload_routes, mobileconfig_assignment_routes,
	own_routes,
	own_device_routes,
	own_console_routes,
	ocsp_routes,
	clip_routes,
	approval_routes,
	clip_console_routes,
	managed_app_routes,
	managed_app_page_routes,
	provision_routes,
	held_routes,
	expiry_routes,
	identity_routes,
	NULL,
};

static const struct route *const trust_tables[] = { trust_routes, look_routes, NULL };

struct pages *
site_pages(struct site *site)
{
	return site->pages;
}

struct session_limits
site_session_limits(struct site *site)
{
	const struct conf *conf = site_conf(site);

	return (struct session_limits){ conf->session_idle_minutes * 60, conf->session_admin_idle_minutes * 60,
					conf->session_absolute_hours * HOUR_S, .no_local = !conf->signin_local_login };
}

struct signin
site_signin(struct site *site)
{
	return (struct signin){ site->db, site->directory, site_conf(site) };
}

/* ---- start and stop ---- */

const char *
site_etag(struct req *req, const char *name)
{
	return mem_printf(req, "\"%s\"", name);
}

static void
warn_of(const struct conf *conf)
{
	if (*conf->ldap_urls && !*conf->ldap_bind_dn && *conf->ldap_user_bind_template)
		log_warn("ldap.bind_dn is empty: whom the directory disables stays signed in here until the session ends");
	if (*conf->seams)
		log_warn("settings for tests are in use; unset them in production", KV("settings", conf->seams));
}

static void
apply(const struct conf *conf)
{
	static const char *const levels[] = { "debug", "info", "warn", "error" };
	enum log_level level = LOG_INFO_;

	for (int i = 0; i < 4; i++)
		if (strcmp(conf->log_level, levels[i]) == 0)
			level = (enum log_level)i;
	log_setup(level, strcmp(conf->log_format, "json") == 0);
	clock_follow(conf->clock_file);
}

/* Links are derived from the master key; without one those of before a restart cannot be sent again, and no
 * key of ours can be kept. */
static bool
read_master_key(struct site *site, const struct conf *conf, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	unsigned char fresh[sizeof site->link_key.bytes];
	struct bytes key = { fresh, sizeof fresh };
	bool ok;

	if (*conf->key_master_file && !file_read(ctx, conf->key_master_file, MASTER_KEY_MAX, &key, err))
		return err_at(err, "key.master_file");
	if (!*conf->key_master_file) {
		log_warn("key.master_file is not set: links can be sent again only until the next start");
		secret_random(fresh, sizeof fresh);
	}
	link_key_from(key, &site->link_key);
	ok = !*conf->key_master_file || sealer_new(site, key, &site->sealer, err) || err_at(err, "key.master_file");
	OPENSSL_cleanse((void *)(uintptr_t)key.p, key.len);
	return ok;
}

/* The outside CA whose devices are believed; as a setting it may change while we run. */
static bool
trust_outside(struct site *site, const struct conf *conf, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct bytes pem = { 0 };

	if (*conf->scep_external_ca_file && !file_read(ctx, conf->scep_external_ca_file, ROOTS_PEM_MAX, &pem, err))
		return err_at(err, "scep.external_ca_file");
	return ca_trust(site->ca, pem, err) || err_at(err, "scep.external_ca_file");
}

static bool
open_ca(struct site *site, const struct conf *conf, struct err *err)
{
	if (!ca_open(site, site->db, site->sealer, site->base_url, &site->ca, err))
		return err_at(err, "certificate authority");
	if (!ca_ready(site->ca))
		log_warn("there is no certificate authority: devices cannot enroll; `pomona ca make` makes one");
	return trust_outside(site, conf, err);
}

static bool
open_device_roots(struct site *site, const struct conf *conf, struct err *err)
{
	struct bytes extra = { 0 };

	if (*conf->apple_extra_device_roots &&
	    !file_read(site, conf->apple_extra_device_roots, ROOTS_PEM_MAX, &extra, err))
		return err_at(err, "apple.extra_device_roots");
	return device_roots_open(site, extra, &site->device_roots, err);
}

static struct site *
new_site(TALLOC_CTX *ctx, struct conf *conf)
{
	struct site *site = mem_new(ctx, struct site);

	site->base_url = mem_text(site, conf->server_base_url);
	site->secure = strncmp(site->base_url, "https://", 8) == 0;
	atomic_store(&site->conf, conf);
	pthread_mutex_init(&site->lock, NULL);
	return site;
}

bool
site_for_command(TALLOC_CTX *ctx, struct conf *conf, struct db *db, struct site **ret, struct err *err)
{
	struct site *site = new_site(ctx, conf);

	site->db = db;
	*ret = site;
	return directory_new(site, conf, &site->directory, err) &&	/* is anybody looked up?  It is asked nothing */
	       pages_open(site, getenv("POMONA_DEV_PAGES"), &site->pages, err) && look_open(site, err) &&
	       read_master_key(site, conf, err);
}

bool
site_open(TALLOC_CTX *ctx, const char *data_dir, struct conf *conf, struct site **ret, struct err *err)
{
	struct site *site = new_site(ctx, conf);
	struct err none = { 0 };
	const char *dir;

	site->data_dir = mem_text(site, data_dir);
	apply(conf);
	dir = mem_printf(site, "%s/blobs", data_dir);
	if ((mkdir(dir, 0700) != 0 && errno != EEXIST) ||
	    (mkdir(upload_dir(site, site), 0700) != 0 && errno != EEXIST))
		return err_errno(err, "make %s", dir);
	if (!db_open(site, data_dir, &site->db, err) ||
	    !blobs_open(site, dir, conf->upload_keep_free_mb * 1000000, &site->blobs, err) ||
	    !pages_open(site, getenv("POMONA_DEV_PAGES"), &site->pages, err) ||
	    !jobs_begin(site, err) ||
	    !signin_check_conf(conf, err) || !directory_new(site, conf, &site->directory, err) ||
	    !audit_begin(site, err) || !look_open(site, err) || !open_device_roots(site, conf, err) ||
	    !read_master_key(site, conf, err) || !open_ca(site, conf, err) || !mdm_open(site, err) ||
	    !device_kinds_open(site, err))
		return false;
	pages_everywhere(site->pages, page_everywhere);
	site->installs = install_watch_new(site->db);
	if (!file_read(site, mem_printf(site, "%s/tls/ca.pem", data_dir), CA_PEM_MAX, &site->ca_pem, &none))
		site->ca_pem = (struct bytes){ 0 };
	warn_of(conf);
	*ret = site;
	return true;
}

bool
site_start(struct site *site, struct err *err)
{
	const struct conf *conf = site_conf(site);
	bool tls = !conf->server_plain && *conf->server_tls_cert;
	struct server_conf server = {
		.listen = conf->server_listen,
		.cert_file = tls ? conf->server_tls_cert : NULL, .key_file = tls ? conf->server_tls_key : NULL,
		.io_threads = (int)conf->server_io_threads, .workers = (int)conf->server_workers,
		.connections_max = (int)conf->server_connections_max,
		.connections_per_address_max = (int)conf->server_connections_per_address_max,
		.head_s = 10, .body_grace_s = 10, .idle_s = 15, .body_rate_min = 1000,
		/* Longer than proxies keep theirs (nginx 60 s, Caddy 120 s): who closes first must be the one that asks, or
		 * a request meets the end of its connection (RFC 9112 section 9.3.1), and a POST is not tried again. */
		.idle_trusted_s = 180,
		.trusted_proxies = conf->server_trusted_proxies, .routes = site_routes, .calls = &site_calls,
		.site = site,
	};

	if (!tls && !conf->server_plain)
		return err_set(err, ERR_INVALID, "no certificate: give --tls-cert and --tls-key, or --plain "
			       "behind a proxy that does TLS");
	/* Jobs wake the others, which are there before them. */
	if (!outbox_start(site, err) || !push_start(site, err) ||
	    !jobs_start(site, site->db, site_jobs, JOB_THREADS, site, &site->jobs, err) || !server_start(site, &server, &site->server, err))
		return false;
	if (!mdm_listen(site, server, err))
		return false;
	if (!*conf->server_trust_listen)
		return true;
	server.listen = conf->server_trust_listen;
	server.cert_file = server.key_file = NULL;
	server.io_threads = server.workers = 1;
	server.routes = trust_tables;
	return server_start(site, &server, &site->trust_server, err) || err_at(err, "server.trust_listen");
}

void
site_stop(struct site *site)
{
	if (site->trust_server)
		server_stop(site->trust_server);
	if (site->device_server)
		server_stop(site->device_server);
	if (site->server)
		server_stop(site->server);
	if (site->jobs)
		jobs_stop(site->jobs);
	outbox_stop(site);
	pusher_stop(site->pusher);
}

bool
site_reload(struct site *site, struct err *err)
{
	struct conf *again;

	/* The old one stays with the site: a request may still be reading it, and reloads are rare. */
	if (!conf_reread(NULL, site_conf(site), &again, err))
		return err_at(err, "the running settings stay");
	if (!signin_check_conf(again, err) || !own_check_conf(again, err) || !ca_reload(site->ca, err) || !trust_outside(site, again, err) ||
	    !directory_use(site->directory, again, err)) {
		talloc_free(again);
		return err_at(err, "the running settings stay");
	}
	pthread_mutex_lock(&site->lock);
	talloc_steal(site, again);
	pthread_mutex_unlock(&site->lock);
	atomic_store_explicit(&site->conf, again, memory_order_release);
	apply(again);
	own_upn_warn(again);
	vouch_forget();
	look_forget(site);
	clip_changed(site);
	/* Its files may be those of the command line. */
	return server_reload_tls(site->server, err) &&
	       (!site->device_server || server_reload_tls(site->device_server, err));
}
