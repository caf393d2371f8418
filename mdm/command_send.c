#include "mdm/command_send.h"
#include "core/audit.h"
#include "core/log.h"
#include "mdm/queue_secret.h"
#include <string.h>

#define CROWDS_MAX 64	/* kinds of enrollment in one request; real fleets have a handful */

#define PARTS_MAX  8	/* of a refresh */

/* Devices that may be sent the same. */
struct crowd {
	struct command_target target;
	size_t n;
	size_t *which;			/* places in the request */
	const char **enrollments;
};

struct part { const char *request_type, *dedupe_key; struct bytes payload; bool sealed; };

struct sending {
	TALLOC_CTX *ctx;
	const struct command_wish *wish;
	const struct crowd *crowd;
	const struct part *parts;
	size_t parts_n, from, to;
	bool each;			/* each device has a row in the audit */
	struct command_verdict *verdicts;
};

/* ---- who they are ---- */

static bool
find_target(struct mem_shelf *shelf, struct db *db, const char *device_id, struct command_target *target,
	    const char **enrollment_id, struct command_verdict *verdict, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct rows *rows = db_query(scratch, db, "SELECT e.id, e.access_rights, e.kind, e.supervised FROM device d"
		" LEFT JOIN enrollment e ON e.id = d.enrollment_id AND e.state = 'enrolled' WHERE d.id = $1", db_text(device_id));

	*enrollment_id = NULL;
	switch (rows_next(rows, err)) {
	case ROWS_FAILED:
		return false;
	case ROWS_END:
		verdict->verdict = queue_verdict_name(QUEUE_UNKNOWN);
		return true;
	case ROWS_ROW:
		break;
	}
	if (rows_null(rows, 0)) {
		verdict->verdict = queue_verdict_name(QUEUE_NOT_ENROLLED);
		return true;
	}
	*enrollment_id = mem_shelve(shelf, rows_text(scratch, rows, 0));
	*target = (struct command_target){ rows_int(rows, 1), strcmp(rows_text(scratch, rows, 2), "user") == 0 ? "user" : "device",
					   rows_null(rows, 3) ? -1 : rows_bool(rows, 3) };
	return true;
}

static bool
same(const struct command_target *a, const struct command_target *b)
{
	return a->access_rights == b->access_rights && a->supervised == b->supervised && strcmp(a->kind, b->kind) == 0;
}

static struct crowd *
crowd_of(TALLOC_CTX *ctx, struct crowd *crowds, size_t *n, const struct command_target *target)
{
	for (size_t i = 0; i < *n; i++)
		if (same(&crowds[i].target, target))
			return &crowds[i];
	if (*n == CROWDS_MAX)
		return NULL;
	crowds[*n] = (struct crowd){ *target, 0, mem_array(ctx, size_t, 16), mem_array(ctx, const char *, 16) };
	return &crowds[(*n)++];
}

static void
join(TALLOC_CTX *ctx, struct crowd *crowd, size_t which, const char *enrollment_id)
{
	if (crowd->n >= 16 && (crowd->n & (crowd->n - 1)) == 0) {
		crowd->which = mem_grow(ctx, crowd->which, size_t, crowd->n * 2);
		crowd->enrollments = mem_grow(ctx, crowd->enrollments, const char *, crowd->n * 2);
	}
	crowd->which[crowd->n] = which;
	crowd->enrollments[crowd->n++] = enrollment_id;
}

static int
by_id(const void *a, const void *b, void *ids)
{
	const char *const *text = ids;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	int order = strcmp(text[i], text[j]);

	return order ? order : i < j ? -1 : i > j;
}

/* A device that is named twice gets it once. */
static void
mark_repeated(const char *const *device_ids, size_t n, struct command_verdict *verdicts)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	size_t *order = mem_array(ctx, size_t, n);

	for (size_t i = 0; i < n; i++) {
		verdicts[i] = (struct command_verdict){ .device_id = device_ids[i] };
		order[i] = i;
	}
	qsort_r(order, n, sizeof *order, by_id, (void *)(uintptr_t)device_ids);
	for (size_t i = 1; i < n; i++)
		if (strcmp(device_ids[order[i - 1]], device_ids[order[i]]) == 0)
			verdicts[order[i]].verdict = queue_verdict_name(QUEUE_DUPLICATE);
}

static bool
find_crowds(TALLOC_CTX *ctx, struct db *db, const char *const *device_ids, size_t n, struct crowd *crowds, size_t *crowds_n,
	    struct command_verdict *verdicts, struct err *err)
{
	struct mem_shelf shelf = { .ctx = ctx };
	struct command_target target;
	const char *enrollment_id;
	struct crowd *crowd;

	*crowds_n = 0;
	mark_repeated(device_ids, n, verdicts);
	for (size_t i = 0; i < n; i++) {
		if (verdicts[i].verdict)
			continue;
		if (!find_target(&shelf, db, device_ids[i], &target, &enrollment_id, &verdicts[i], err))
			return false;
		if (!enrollment_id)
			continue;
		crowd = crowd_of(ctx, crowds, crowds_n, &target);
		if (!crowd)
			return err_set(err, ERR_LIMIT, "devices of more than %d kinds of enrollment; send to fewer at once", CROWDS_MAX);
		join(ctx, crowd, i, enrollment_id);
	}
	return true;
}

/* ---- what they get ---- */

static bool
refresh_parts(TALLOC_CTX *ctx, const char *const *types, const struct command_target *target, struct part *parts, size_t *n,
	      struct err *err)
{
	struct part *part;
	json_t *params;
	bool ok;

	*n = 0;
	for (const char *const *type = types; *type; type++) {
		if (!(params = verb_refresh_params(*type, target)))
			continue;
		part = &parts[(*n)++];
		*part = (struct part){ *type, mem_printf(ctx, "refresh:%s", *type), { 0 } };
		ok = command_write(ctx, *type, params, &part->payload, err);
		json_decref(params);
		if (!ok)
			return false;
	}
	return *n > 0 || err_code(err, ERR_DENIED, "no_right", "this enrollment gives no right to ask for anything");
}

static bool
seal_part(TALLOC_CTX *ctx, struct part *part, struct err *err)
{
	struct queue_wish wish = { .request_type = part->request_type, .payload = part->payload };

	if (!queue_seal(ctx, &wish, err))
		return false;
	part->payload = wish.payload;
	part->sealed = wish.sealed;
	return true;
}

/* The wish itself is good (checked before); false: not for these devices. */
static bool
make_parts(TALLOC_CTX *ctx, const struct command_wish *wish, const struct crowd *crowd, struct part *parts, size_t *n,
	   struct err *err)
{
	const struct verb *verb = wish->verb;

	if (verb && !verb->request_type)
		return refresh_parts(ctx, verb_refresh, &crowd->target, parts, n, err);
	if (!command_may(wish->request_type, wish->params, &crowd->target, err))
		return false;
	*n = 1;
	parts[0] = (struct part){ wish->request_type, wish->dedupe_key ? wish->dedupe_key : verb ? verb->dedupe_key : NULL, { 0 } };
	return verb_is_rendered(verb) || (command_write(ctx, wish->request_type, wish->params, &parts[0].payload, err) &&
					  seal_part(ctx, &parts[0], err));
}

/* ---- in ---- */

static const char *
detail_of(TALLOC_CTX *ctx, const struct sending *s, const char *uuid)
{
	const char *what = s->wish->verb ? s->wish->verb->name : s->wish->request_type;
	const char *subject = s->wish->subject ? s->wish->subject : "", *reason = s->wish->reason;

	return mem_printf(ctx, "%s%s%s %s%s%s", what, *subject ? " " : "", subject, uuid, *reason ? ": " : "", reason);
}

static bool
audit_sent(struct db *tx, const struct sending *s, const enum queue_verdict *verdicts, const char *uuid, struct err *err)
{
	const char *act = s->wish->verb ? s->wish->verb->act : "device.command";
	void *ctx SCOPED(mem) = talloc_new(NULL);
	size_t added = 0;

	for (size_t i = s->from; i < s->to; i++) {
		if (verdicts[i - s->from] != QUEUE_ADDED)
			continue;
		added++;
		if (s->each && !audit_add(tx, s->wish->actor, act, s->verdicts[s->crowd->which[i]].device_id,
					  detail_of(ctx, s, uuid), err))
			return false;
	}
	return s->each || added == 0 ||
	       audit_add(tx, s->wish->actor, act, mem_printf(ctx, "%zu devices", added), detail_of(ctx, s, uuid), err);
}

static void
tell(struct sending *s, const enum queue_verdict *verdicts, const char *uuid)
{
	for (size_t i = s->from; i < s->to; i++) {
		struct command_verdict *v = &s->verdicts[s->crowd->which[i]];
		enum queue_verdict verdict = verdicts[i - s->from];

		v->verdict = queue_verdict_name(verdict);
		v->uuid = verdict == QUEUE_ADDED || (verdict == QUEUE_DUPLICATE && s->to - s->from == 1) ? uuid : NULL;
	}
}

/* Of a refresh the first part is what the device is told of: the others go with it, each as it can. */
static bool
tx_send(struct db *tx, void *arg, struct err *err)
{
	struct sending *s = arg;
	const struct verb *verb = s->wish->verb;
	void *scratch SCOPED(mem) = talloc_new(NULL);
	size_t n = s->to - s->from;
	enum queue_verdict *verdicts = mem_array(scratch, enum queue_verdict, n), *first = mem_array(scratch, enum queue_verdict, n);
	char *uuid, *told = NULL;

	for (size_t p = 0; p < s->parts_n; p++) {
		struct queue_wish wish = { .kind = verb ? verb->kind : NULL, .request_type = s->parts[p].request_type,
			.subject = s->wish->subject, .payload = s->parts[p].payload, .sealed = s->parts[p].sealed,
			.dedupe_key = s->parts[p].dedupe_key,
			.not_before = s->wish->not_before, .ttl_s = s->wish->ttl_s,
			.priority = s->wish->priority >= 0 ? s->wish->priority : verb ? verb->priority : QUEUE_PRIORITY_PERSON,
			.created_by = mem_printf(scratch, "person:%s", s->wish->actor) };

		if (!queue_add(tx, s->ctx, &wish, s->crowd->enrollments + s->from, n, verdicts, &uuid, err))
			return false;
		if (p > 0)
			continue;
		told = uuid;
		memcpy(first, verdicts, n * sizeof *first);
	}
	tell(s, first, told);
	return audit_sent(tx, s, first, told, err);
}

static bool
send_crowd(TALLOC_CTX *ctx, struct db *db, const struct command_wish *wish, const struct crowd *crowd, bool each,
	   struct command_verdict *verdicts, struct err *err)
{
	struct part parts[PARTS_MAX];
	struct sending s = { .ctx = ctx, .wish = wish, .crowd = crowd, .parts = parts, .each = each, .verdicts = verdicts };
	struct err why = { 0 };

	if (!make_parts(ctx, wish, crowd, parts, &s.parts_n, &why)) {
		const struct err *kept = mem_copy(ctx, &why, sizeof why);

		for (size_t i = 0; i < crowd->n; i++) {
			verdicts[crowd->which[i]].verdict = "refused";
			verdicts[crowd->which[i]].err = kept;
		}
		return true;
	}
	for (s.from = 0; s.from < crowd->n; s.from = s.to) {
		s.to = crowd->n - s.from > QUEUE_CHUNK ? s.from + QUEUE_CHUNK : crowd->n;
		if (!db_tx(db, tx_send, &s, err)) {
			for (size_t i = s.from; i < s.to; i++)	/* what it has said of them is taken back with it */
				verdicts[crowd->which[i]] = (struct command_verdict){ .device_id = verdicts[crowd->which[i]].device_id };
			return false;
		}
	}
	return true;
}

/* ---- the whole ---- */

static bool
right_wish(TALLOC_CTX *ctx, const struct command_wish *wish, size_t n, struct err *err)
{
	struct bytes payload;

	if (n == 0 || n > COMMAND_DEVICES_MAX)
		return err_set(err, ERR_INVALID, "a command goes to 1 to %d devices", COMMAND_DEVICES_MAX);
	if (strlen(wish->reason) > COMMAND_REASON_MAX)
		return err_set(err, ERR_INVALID, "the reason has more than %d bytes", COMMAND_REASON_MAX);
	if (wish->verb && wish->verb->grave && !*wish->reason)
		return err_code(err, ERR_INVALID, "reason_wanted", "%s cannot be taken back: say why (reason)", wish->verb->name);
	if (wish->verb && wish->verb->grave && n > COMMAND_GRAVE_MAX)
		return err_set(err, ERR_INVALID, "%s goes to %d devices at most", wish->verb->name, COMMAND_GRAVE_MAX);
	if (wish->verb && !wish->verb->request_type)
		return true;
	if (verb_is_rendered(wish->verb))
		return json_object_size(wish->params) == 0 ||
		       err_code(err, ERR_INVALID, "bad_command", "%s: what it needs is put in when it is sent", wish->request_type);
	return command_write(ctx, wish->request_type, wish->params, &payload, err);
}

/* What went in stays, and whoever asked must know of which: the rest is refused, each.  Where nothing did, so does the whole. */
static bool
broke_off(TALLOC_CTX *ctx, struct command_verdict *verdicts, size_t n, const struct err *err)
{
	const struct err *kept = mem_copy(ctx, err, sizeof *err);
	bool any = false;

	for (size_t i = 0; i < n; i++)
		any |= verdicts[i].uuid != NULL;
	if (any)
		log_err("a command to many devices broke off: the rest was refused", err);
	for (size_t i = 0; any && i < n; i++)
		if (!verdicts[i].verdict) {
			verdicts[i].verdict = "refused";
			verdicts[i].err = kept;
		}
	return any;
}

bool
command_send(TALLOC_CTX *ctx, struct db *db, const struct command_wish *asked, const char *const *device_ids, size_t n,
	     struct command_verdict *verdicts, struct err *err)
{
	void *scratch SCOPED(mem) = talloc_new(NULL);
	struct crowd *crowds = mem_array(scratch, struct crowd, CROWDS_MAX);
	struct command_wish wish = *asked;
	size_t crowds_n;

	if (!wish.verb && wish.request_type)
		wish.verb = verb_of(wish.request_type);
	if (wish.verb)
		wish.request_type = wish.verb->request_type;
	if (!right_wish(scratch, &wish, n, err) ||
	    !find_crowds(scratch, db, device_ids, n, crowds, &crowds_n, verdicts, err))
		return false;
	for (size_t i = 0; i < crowds_n; i++)
		if (!send_crowd(ctx, db, &wish, &crowds[i], n <= COMMAND_AUDIT_EACH, verdicts, err))
			return broke_off(ctx, verdicts, n, err);
	return true;
}

bool
command_verdict_err(const struct command_verdict *v, struct err *err)
{
	if (v->uuid)
		return true;
	if (strcmp(v->verdict, "refused") == 0) {
		*err = *v->err;
		return false;
	}
	if (strcmp(v->verdict, queue_verdict_name(QUEUE_UNKNOWN)) == 0)
		return err_set(err, ERR_MISSING, "no such device");
	if (strcmp(v->verdict, queue_verdict_name(QUEUE_FULL)) == 0)
		return err_code(err, ERR_CONFLICT, "queue_full", "%d commands wait for this device already", QUEUE_WAITING_MAX);
	return err_code(err, ERR_CONFLICT, "not_enrolled", "this device is not under management");
}

/* All of the same target: they share what they are asked with. */
static bool
refresh(struct db *tx, const struct command_target *target, const char *const *ids, size_t ids_n, const char *const *types,
	struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct part parts[PARTS_MAX];
	struct err none = { 0 };
	size_t n;

	if (!refresh_parts(ctx, types, target, parts, &n, &none))
		return none.kind == ERR_DENIED || (*err = none, false);
	for (size_t i = 0; i < n; i++) {
		const struct queue_wish wish = { .request_type = parts[i].request_type, .payload = parts[i].payload,
			.dedupe_key = parts[i].dedupe_key, .priority = QUEUE_PRIORITY_HOUSE, .created_by = "house" };

		if (!queue_add(tx, ctx, &wish, ids, ids_n, NULL, NULL, err))
			return false;
	}
	return true;
}

static struct command_target
target_of(const struct enrollment *e)
{
	return (struct command_target){ e->access_rights, e->kind, e->supervised };
}

static bool
refresh_one(struct db *tx, const struct enrollment *e, const char *const *types, struct err *err)
{
	const struct command_target target = target_of(e);

	return refresh(tx, &target, &e->id, 1, types, err);
}

bool
command_refresh(struct db *tx, const struct enrollment *enrollment, struct err *err)
{
	return refresh_one(tx, enrollment, verb_refresh, err);
}

bool
command_refresh_many(struct db *tx, const struct enrollment *const *enrollments, size_t n, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const char **ids = mem_array(ctx, const char *, n);
	bool *asked = mem_array(ctx, bool, n);

	for (size_t i = 0; i < n; i++) {
		struct command_target target = target_of(enrollments[i]), other;
		size_t crowd = 0;

		for (size_t k = i; k < n; k++) {
			other = target_of(enrollments[k]);
			if (asked[k] || !same(&target, &other))
				continue;
			asked[k] = true;
			ids[crowd++] = enrollments[k]->id;
		}
		if (crowd && !refresh(tx, &target, ids, crowd, verb_refresh, err))
			return false;
	}
	return true;
}

bool
command_refresh_after(struct db *tx, const struct enrollment *enrollment, const char *request_type, struct err *err)
{
	return refresh_one(tx, enrollment, verb_changes(request_type), err);
}

bool
command_refresh_lists(struct db *tx, const struct enrollment *enrollment, const char *const *types, struct err *err)
{
	return refresh_one(tx, enrollment, types, err);
}
