#pragma once
/*
 * site - what everything that serves shares: made once at start, wired in site.c, handed to handlers.
 */
#include "catalog/grant.h"
#include "catalog/install_watch.h"
#include "catalog/link.h"
#include "catalog/person.h"
#include "catalog/session.h"
#include "catalog/signin.h"
#include "core/blob.h"
#include "core/conf.h"
#include "core/job.h"
#include "core/seal.h"
#include "mdm/ca.h"
#include "web/page.h"
#include "web/server.h"
#include <pthread.h>
#include <stdatomic.h>

struct site {
	const char *data_dir;
	const char *base_url;		/* "https://apps.example.com": no slash at its end */
	bool secure;			/* base_url is https: cookies are Secure */
	_Atomic(struct conf *) conf;	/* replaced by SIGHUP; read it once a request: site_conf */
	struct db *db;
	struct blobs *blobs;
	struct jobs *jobs;
	struct pusher *pusher;		/* wakes devices (mdm/pusher.h) */
	struct outbox *outbox;		/* mail and SMS on their way out (outbox.c) */
	struct pages *pages;
	struct directory *directory;	/* the company's people; off without ldap.urls */
	struct server *server, *trust_server, *device_server;
	struct install_watch *installs;	/* under way */
	struct link_key link_key;
	_Atomic int64_t comparing;	/* passwords at this moment (routes_people.c) */
	struct seen *seen;		/* when devices were last heard of */
	struct device_roots *device_roots;	/* who signs what devices answer */
	struct sealer *sealer;		/* keys at rest; NULL: key.master_file is not set */
	struct ca *ca;			/* never NULL; it may not be made yet (ca_ready) */
	struct bytes ca_pem;		/* of a private installation (DIR/tls/ca.pem); empty: none */

	pthread_mutex_t lock;		/* for what follows, and for this talloc context once it serves */
	struct look_cache *look;	/* stylesheet with the company's colours (routes_look.c) */
	struct own_devices *own_devices;	/* certificates under our CAs (enroll_house.c) */
	struct uploading *uploading;	/* uploads under way, by person (uploads.c) */
	struct kept *endings_now;	/* what ends, as it was within the minute (endings_now.c) */
	struct kept *fleet_now;		/* devices and installs in numbers, likewise (fleet_now.c) */
};

static inline const struct conf *
site_conf(struct site *site)
{
	return atomic_load_explicit(&site->conf, memory_order_acquire);
}

/* Opens everything under data_dir, brings the schema up to date, sweeps what a crash left behind. */
bool site_open(TALLOC_CTX *ctx, const char *data_dir, struct conf *conf, struct site **ret,
	       struct err *err) CHECKED;
/* What a command beside the server needs to write messages: its words, look and key, and no file, job or door. */
bool site_for_command(TALLOC_CTX *ctx, struct conf *conf, struct db *db, struct site **ret, struct err *err) CHECKED;
bool site_start(struct site *site, struct err *err) CHECKED;	/* jobs, then the servers */
void site_stop(struct site *site);
bool site_reload(struct site *site, struct err *err) CHECKED;	/* SIGHUP */

extern const struct route *const site_routes[];		/* every table, ends with NULL */
extern const struct server_calls site_calls;		/* session.c */

struct session_limits site_session_limits(struct site *site);
struct signin site_signin(struct site *site);

/* ---- session.c: who is it, and the words of a refusal ---- */
bool session_admit(struct req *req, struct err *err);
bool session_look(struct req *req, struct err *err);	/* on a page for anyone: sets req->person when a browser is signed in */
bool session_check(struct req *req, struct err *err);	/* a form's csrf field, once the body is here */
bool session_from_our_pages(struct req *req);	/* for what a token in the path proves: a browser says where it comes from */
bool session_proof(struct req *req, const char *field, struct err *err);	/* the same where a sink read it */
json_t *problem_json(const struct err *err, const char *instance);	/* RFC 9457; tells nothing that is ours */
const char *session_cookie_name(struct site *site);
void session_set_cookie(struct reply *reply, struct site *site, const char *value, int64_t max_age_s);
const char *site_client(struct req *req, char hash[65]);	/* address (IPv6 by /64) and user agent, hashed */
