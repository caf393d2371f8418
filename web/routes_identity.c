/*
 * Identities of devices are renewed before they end: the sweep, and the devices that are due.  Those that will not be
 * new by themselves stand among what ends (routes_expiry.c).
 */
#include "core/clock.h"
#include "mdm/identity_renew.h"
#include "web/rooms.h"

static struct identity_rules
rules_of(struct site *site)
{
	const struct conf *conf = site_conf(site);

	identity_overlap(conf->mdm_identity_overlap_hours * HOUR_S);
	identity_grace(conf->mdm_identity_grace_days * DAY_S);
	return (struct identity_rules){ conf->mdm_identity_renew_days * DAY_S, conf->mdm_identity_grace_days * DAY_S };
}

static bool
tx_next(struct db *tx, void *arg, struct err *err)
{
	const int64_t *due = arg;

	return job_add(tx, "identity_sweep", json_object(), *due, "identity_sweep", err);
}

bool
identity_begin(struct site *site, struct err *err)
{
	int64_t now = 0;

	(void)rules_of(site);
	return db_tx(site->db, tx_next, &now, err);
}

bool
job_identity_sweep(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	struct identity_rules rules = rules_of(site);
	int64_t due;
	bool more;

	(void)job;
	(void)ctx;
	if (!identity_sweep(site->db, &rules, &more, err))
		return false;
	due = clock_now() + (more ? IDENTITY_WAVE_S : IDENTITY_SWEEP_S);
	return db_tx(site->db, tx_next, &due, err);
}

static bool
api_list(struct req *req, struct reply *reply, struct err *err)
{
	struct identity_rules rules = rules_of(req->site);
	json_t *list;

	return whole_admin(req, err) && identity_due_list(req->site->db, &rules, &list, err) && reply_json(reply, 200, list);
}

const struct route identity_routes[] = {
	{ GET, "/api/v1/identities", WHO_ADMIN, "0", ON_WORKER, api_list, NULL, "devices", "Devices whose identity is to be renewed now: until when, asked when and how often" },
	{ 0 }
};
