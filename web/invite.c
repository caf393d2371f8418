/*
 * Testers who registered a device and waited: as soon as a build lists it, they are invited.
 */
#include "catalog/registration.h"
#include "web/rooms.h"

bool
job_registration_fill(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;

	(void)job;
	(void)ctx;
	return registration_fill(site->db, err);
}

static bool
tx_invite(struct db *tx, void *arg, struct err *err)
{
	const struct registration_due *due = arg;
	bool first;

	return registration_invite(tx, due, due->link_id, false, &first, err);
}

bool
job_registration_invite(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	const char *app = json_string_value(json_object_get(job->args, "app"));
	struct registration_due *due;
	size_t n;

	do {
		if (!registration_due(ctx, site->db, app ? app : "", &due, &n, err))
			return false;
		for (size_t i = 0; i < n; i++)
			if (!db_tx(site->db, tx_invite, &due[i], err))
				return err_at(err, "invite device %s", due[i].device_id);
	} while (n == REGISTRATION_DUE_MAX);
	return true;
}
