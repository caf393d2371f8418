/* Table `command_plain`, and the sealed columns of `command` and `command_history`. */
#include "mdm/queue_secret.h"
#include "core/audit.h"
#include "core/log.h"
#include "core/pack.h"
#include "core/plist.h"
#include <string.h>

#define BATCH	100

/* Apple: mdm/commands.  Passwords, PINs and tokens stand in them, or in what a mobileconfig or an app is set up with. */
static const struct {
	const char *request_type;
	bool payload, answer;
} secrets[] = {
	{ "InstallProfile",			true,  false },
	{ "InstallApplication",			true,  false },	/* Configuration */
	{ "Settings",				true,  false },	/* ApplicationConfiguration */
	{ "ManagedApplicationConfiguration",	false, true },
	{ "ClearPasscode",			true,  false },
	{ "RequestUnlockToken",			false, true },
	{ "ActivationLockBypassCode",		false, true },
	{ "ApplyRedemptionCode",		true,  false },
	{ "EraseDevice",			true,  false },	/* PIN */
	{ "RequestMirroring",			true,  false },
	{ "AccountConfiguration",		true,  false },
	{ "SetAutoAdminPassword",		true,  false },
	{ "SetFirmwarePassword",		true,  false },
	{ "VerifyFirmwarePassword",		true,  false },
	{ "SetRecoveryLock",			true,  false },
	{ "VerifyRecoveryLock",			true,  false },
	{ "RotateFileVaultKey",			true,  true },
};

static const struct sealer *sealer;

void
queue_sealer(const struct sealer *with)
{
	sealer = with;
}

static bool
queue_secret_payload(const char *request_type)
{
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		if (strcmp(secrets[i].request_type, request_type) == 0)
			return secrets[i].payload;
	return false;
}

static bool
queue_secret_answer(const char *request_type)
{
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		if (strcmp(secrets[i].request_type, request_type) == 0)
			return secrets[i].answer;
	return false;
}

/* ---- payloads ---- */

static const char *
payload_name(TALLOC_CTX *ctx, const char *request_type)
{
	return mem_printf(ctx, "command_payload:%s", request_type);
}

bool
queue_wants_seal(const struct queue_wish *wish)
{
	return !wish->sealed && sealer && wish->payload.len && queue_secret_payload(wish->request_type);
}

bool
queue_seal(TALLOC_CTX *ctx, struct queue_wish *wish, struct err *err)
{
	if (!queue_wants_seal(wish))
		return true;
	wish->sealed = true;
	return seal(ctx, sealer, payload_name(ctx, wish->request_type), wish->payload, &wish->payload, err);
}

bool
queue_payload(TALLOC_CTX *ctx, const struct queued *command, struct bytes *ret, struct err *err)
{
	if (!command->sealed) {
		*ret = command->payload;
		return true;
	}
	if (!sealer)
		return err_set(err, ERR_CONFLICT, "key.master_file is not set, and the command is sealed");
	return unseal(ctx, sealer, payload_name(ctx, command->request_type), command->payload, ret, err);
}

/* ---- answers ---- */

static const char *
answer_name(TALLOC_CTX *ctx, const char *enrollment_id, const char *uuid)
{
	return mem_printf(ctx, "command_answer:%s:%s", enrollment_id, uuid);
}

bool
queue_seal_answer(TALLOC_CTX *ctx, const char *request_type, struct queue_report *report, struct err *err)
{
	if (!report->packed.len || !queue_secret_answer(request_type))
		return true;
	if (!sealer) {
		log_warn("an answer that is a secret is not kept: key.master_file is not set", KV("type", request_type));
		report->packed = (struct bytes){ 0 };
		return true;
	}
	report->sealed = true;
	return seal(ctx, sealer, answer_name(ctx, report->enrollment->id, report->uuid), report->packed, &report->packed, err);
}

struct revealing {
	const char *actor, *device_id, *uuid;
};

static bool
tx_revealed(struct db *tx, void *arg, struct err *err)
{
	const struct revealing *r = arg;

	return audit_add(tx, r->actor, "command.reveal", r->device_id, r->uuid, err);
}

static bool
open_answer(TALLOC_CTX *ctx, struct bytes packed, json_t **ret, struct err *err)
{
	SCOPED(plist) plist_t node = NULL;
	struct bytes raw;

	if (!unpack(ctx, packed, PLIST_BYTES_MAX, &raw, err) || !plist_open(raw, PLIST_BYTES_MAX, &node, err))
		return false;
	*ret = plist_json(node);
	return true;
}

bool
queue_reveal(struct db *db, const char *actor, const char *device_id, const char *uuid, json_t **ret, struct err *err)
{
	struct revealing r = { actor, device_id, strlen(uuid) <= QUEUE_UUID_MAX ? uuid : "" };
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(ctx, db, "SELECT h.enrollment_id, h.answer, h.sealed FROM command_history h JOIN command c"
		" ON c.id = h.command_id JOIN enrollment e ON e.id = h.enrollment_id WHERE e.device_id = $1 AND c.uuid = $2"
		" AND h.answer IS NOT NULL ORDER BY h.ended DESC LIMIT 1", db_text(device_id), db_text(r.uuid));
	struct bytes sealed, packed;
	const char *enrollment_id;
	bool is_sealed;

	if (!rows_one(rows, err, "no answer of such a command is kept"))
		return false;
	enrollment_id = rows_text(ctx, rows, 0);
	sealed = rows_bytes(ctx, rows, 1);
	is_sealed = rows_bool(rows, 2);
	rows_done(rows);
	if (!is_sealed)
		return err_code(err, ERR_CONFLICT, "no_secret", "the answer is no secret: it stands with its command");
	if (!sealer)
		return err_set(err, ERR_CONFLICT, "key.master_file is not set, and the answer is sealed");
	/* written down before it is shown */
	return unseal(ctx, sealer, answer_name(ctx, enrollment_id, r.uuid), sealed, &packed, err) &&
	       db_tx(db, tx_revealed, &r, err) && open_answer(ctx, packed, ret, err);
}

/* ---- what was kept open ---- */

struct plain {
	int64_t id;
	const char *enrollment_id;	/* "": the payload */
	const char *request_type, *uuid;
	struct bytes open, sealed;
};

struct batch {
	struct plain all[BATCH];
	size_t n;
};

static bool
read_plain(TALLOC_CTX *ctx, struct db *db, struct batch *b, struct err *err)
{
	struct rows *rows = db_query(ctx, db, "SELECT p.command_id, p.enrollment_id, c.request_type, c.uuid,"
		" CASE WHEN p.enrollment_id = '' THEN c.payload ELSE h.answer END FROM command_plain p"
		" LEFT JOIN command c ON c.id = p.command_id LEFT JOIN command_history h ON h.command_id = p.command_id"
		" AND h.enrollment_id = p.enrollment_id ORDER BY p.command_id LIMIT $1", db_int(BATCH));
	enum rows_step step;

	b->n = 0;
	while ((step = rows_next(rows, err)) == ROWS_ROW)
		b->all[b->n++] = (struct plain){ rows_int(rows, 0), rows_text(ctx, rows, 1), rows_text(ctx, rows, 2),
						 rows_text(ctx, rows, 3), rows_bytes(ctx, rows, 4), { 0 } };
	return step != ROWS_FAILED;
}

static bool
tx_sealed(struct db *tx, void *arg, struct err *err)
{
	const struct batch *b = arg;

	for (size_t i = 0; i < b->n; i++) {
		const struct plain *p = &b->all[i];

		if (p->sealed.len && !(*p->enrollment_id ?
		    db_run(tx, err, "UPDATE command_history SET answer = $1, sealed = TRUE WHERE command_id = $2"
			   " AND enrollment_id = $3 AND NOT sealed", db_bytes(p->sealed), db_int(p->id),
			   db_text(p->enrollment_id)) :
		    db_run(tx, err, "UPDATE command SET payload = $1, sealed = TRUE WHERE id = $2 AND NOT sealed",
			   db_bytes(p->sealed), db_int(p->id))))
			return false;
		if (!db_run(tx, err, "DELETE FROM command_plain WHERE command_id = $1 AND enrollment_id = $2", db_int(p->id),
			    db_text(p->enrollment_id)))
			return false;
	}
	return true;
}

bool
queue_seal_old(struct db *db, struct err *err)
{
	struct batch b = { .n = BATCH };

	while (sealer && b.n == BATCH) {
		void *ctx SCOPED(mem) = talloc_new(NULL);

		if (!read_plain(ctx, db, &b, err))
			return false;
		for (size_t i = 0; i < b.n; i++) {
			struct plain *p = &b.all[i];
			const char *name = *p->enrollment_id ? answer_name(ctx, p->enrollment_id, p->uuid) :
							       payload_name(ctx, p->request_type);

			if (p->open.len && !seal(ctx, sealer, name, p->open, &p->sealed, err))
				return err_at(err, "command %s", p->uuid);
		}
		if (b.n && !db_tx(db, tx_sealed, &b, err))
			return err_at(err, "sealing of commands");
	}
	return true;
}
