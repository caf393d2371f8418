/*
 * What the house does for devices under management: the sweep of their queues, the listener that asks them for
 * their certificate, and what hangs on the beginning and the end of an enrollment.
 */
#include "core/clock.h"
#include "core/log.h"
#include "mdm/enrollment.h"
#include "mdm/queue.h"
#include "mdm/queue_sweep.h"
#include "mdm/refresh.h"
#include "mdm/seen.h"
#include "web/rooms.h"

static const struct route *const device_tables[] = { mdm_routes, NULL };

static bool
tx_next_sweep(struct db *tx, void *arg, struct err *err)
{
	const int64_t *due = arg;

	return job_add(tx, "queue_sweep", json_object(), *due, "queue_sweep", err);
}

bool
job_queue_sweep(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	int64_t due = clock_now() + QUEUE_SWEEP_S;
	struct site *site = p;

	(void)job;
	(void)ctx;
	return queue_sweep(site->db, site_conf(site)->mdm_history_days, err) && db_tx(site->db, tx_next_sweep, &due, err);
}

static bool
tx_next_refresh(struct db *tx, void *arg, struct err *err)
{
	const int64_t *due = arg;

	return job_add(tx, "refresh", json_object(), *due, "refresh", err);
}

bool
job_refresh(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	const struct conf *conf = site_conf(site);
	int64_t due = clock_now() + REFRESH_LOOK_S, asked;

	(void)job;
	(void)ctx;
	if (!refresh_due(site->db, conf->mdm_refresh_hours * HOUR_S, conf->mdm_silent_days * DAY_S, &asked, err))
		return false;
	if (asked)
		log_info("devices are asked again for their facts", KVI("devices", asked));
	return db_tx(site->db, tx_next_refresh, &due, err);
}

bool
mdm_open(struct site *site, struct err *err)
{
	int64_t now = 0;

	return seen_new(site, site->db, &site->seen, err) && db_tx(site->db, tx_next_sweep, &now, err) &&
	       db_tx(site->db, tx_next_refresh, &now, err) && identity_begin(site, err);
}

bool
mdm_listen(struct site *site, struct server_conf server, struct err *err)
{
	const struct conf *conf = site_conf(site);
	char *pem;

	if (!*conf->server_device_listen)
		return true;
	if (!server.cert_file)
		return err_set(err, ERR_INVALID, "server.device_listen needs server.tls_cert: devices show their certificate"
			       " in TLS");
	if (!ca_pem(site, site->ca, &pem, err))
		return false;
	if (!*pem)
		return err_set(err, ERR_INVALID, "server.device_listen: there is no CA that devices' certificates could be by");
	server.listen = conf->server_device_listen;
	server.client_ca = pem;
	server.routes = device_tables;
	return server_start(site, &server, &site->device_server, err) || err_at(err, "server.device_listen");
}
