/* What of commands and their answers is a secret, and who gets to see it. */
#include "tests/check_mdm.h"
#include "core/pack.h"
#include "mdm/queue_secret.h"
#include "mdm/queue_sweep.h"

#define TOKEN	"dW5sb2NrIG1lIG5vdw=="		/* "unlock me now" */

static struct mdm *
sealing(TALLOC_CTX *ctx)
{
	struct mdm *m = mdm_new(ctx);

	queue_sealer(m->sealer);
	return m;
}

/* Does it stand anywhere in these columns, as it is or packed? */
static bool
stands_open(struct mdm *m, const char *sql, const char *text)
{
	struct rows *rows = db_queryv(m->ctx, m->db, sql, DB_VALS());
	bool found = false;
	struct err none;

	while (rows_next(rows, &none) == ROWS_ROW) {
		struct bytes kept = rows_bytes(m->ctx, rows, 0), raw;

		found |= memmem(kept.p, kept.len, text, strlen(text)) != NULL ||
			 (unpack(m->ctx, kept, 1 << 20, &raw, &none) && memmem(raw.p, raw.len, text, strlen(text)));
	}
	return found;
}

static bool
payload_open(struct mdm *m, const char *text)
{
	return stands_open(m, "SELECT payload FROM command WHERE payload IS NOT NULL", text);
}

static bool
answer_open(struct mdm *m, const char *text)
{
	return stands_open(m, "SELECT answer FROM command_history WHERE answer IS NOT NULL", text);
}

static json_t *
shown(struct mdm *m, struct phone *p, const char *uuid)
{
	json_t *command;

	assert_ok(queue_show(m->db, phone_enrollment(p)->device_id, uuid, &command, &m->err), &m->err);
	return command;
}

static void
a_payload_that_may_hold_a_secret_is_sealed_and_reaches_its_device_open(void **state)
{
	struct mdm *m = sealing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *a = mdm_queue(m, p, "InstallProfile", 0), *b;

	assert_false(payload_open(m, "InstallProfile"));
	assert_string_equal(phone_idle(p), a);
	assert_non_null(strstr(m->text, "<string>InstallProfile</string>"));
	assert_null(phone_says(p, "Acknowledged", a));
	/* And when it is sent again it is sealed as before. */
	assert_ok(queue_resend(m->db, "anna", phone_enrollment(p)->device_id, a, &m->err), &m->err);
	assert_false(payload_open(m, "InstallProfile"));
	b = phone_idle(p);
	assert_non_null(strstr(m->text, "<string>InstallProfile</string>"));
	assert_string_not_equal(a, b);
	mdm_queue(m, p, "ProfileList", 0);
	assert_true(payload_open(m, "ProfileList"));
}

struct open_wish {
	const struct queue_wish *wish;
	const char *enrollment;
};

static bool
tx_open(struct db *tx, void *arg, struct err *err)
{
	const struct open_wish *o = arg;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	return queue_add(tx, ctx, o->wish, &o->enrollment, 1, NULL, NULL, err);
}

/* The transaction holds up all others that write. */
static void
nothing_is_sealed_inside_of_a_transaction(void **state)
{
	struct mdm *m = sealing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *payload = mdm_dict(m, "<key>RequestType</key><string>InstallProfile</string>");
	struct queue_wish wish = { .request_type = "InstallProfile", .created_by = "house", .payload = { payload, strlen(payload) } };
	struct open_wish open = { &wish, phone_enrollment(p)->id };
	const char *waits;

	assert_false(db_tx(m->db, tx_open, &open, &m->err));
	assert_int_equal(m->err.kind, ERR_INTERNAL);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command"), 0);
	assert_ok(queue_seal(m->ctx, &wish, &m->err), &m->err);
	assert_ok(db_tx(m->db, tx_open, &open, &m->err), &m->err);
	assert_false(payload_open(m, "InstallProfile"));
	assert_non_null(waits = phone_idle(p));
	assert_non_null(strstr(m->text, "<string>InstallProfile</string>"));
	assert_null(phone_says(p, "Acknowledged", waits));
	/* what was kept open, and the sweep has not come to, is sealed when it is sent again */
	queue_sealer(NULL);
	waits = mdm_queue(m, p, "InstallProfile", 0);
	assert_string_equal(phone_idle(p), waits);
	assert_null(phone_says(p, "Error", waits));
	assert_true(payload_open(m, "InstallProfile"));
	queue_sealer(m->sealer);
	assert_ok(queue_resend(m->db, "anna", phone_enrollment(p)->device_id, waits, &m->err), &m->err);
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command WHERE sealed"), 2);
	assert_non_null(phone_idle(p));
	assert_non_null(strstr(m->text, "<string>InstallProfile</string>"));
}

static void
a_secret_answer_is_sealed_and_shown_to_who_asks_and_is_written_down(void **state)
{
	static const struct { const char *type, *key; } rows[] = {
		{ "RequestUnlockToken", "UnlockToken" }, { "ActivationLockBypassCode", "ActivationLockBypassCode" },
	};
	struct mdm *m = sealing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *device = phone_enrollment(p)->device_id;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *uuid = mdm_queue(m, p, rows[i].type, 0);
		json_t *command, *answer;

		assert_string_equal(phone_idle(p), uuid);
		phone_says_more(p, "Acknowledged", uuid, mem_printf(m->ctx, "<key>%s</key><string>" TOKEN "</string>", rows[i].key));
		assert_false(answer_open(m, TOKEN));
		command = shown(m, p, uuid);
		assert_true(json_is_true(json_object_get(command, "sealed")));
		assert_true(json_is_null(json_object_get(command, "answer")));
		json_decref(command);
		assert_ok(queue_reveal(m->db, "anna", device, uuid, &answer, &m->err), &m->err);
		assert_string_equal(json_string_value(json_object_get(answer, rows[i].key)), TOKEN);
		json_decref(answer);
		assert_int_equal(mdm_number(m, "SELECT count(*) FROM audit WHERE act = 'command.reveal'"), i + 1);
		assert_false(queue_reveal(m->db, "anna", "another", uuid, &answer, &m->err));
		assert_int_equal(m->err.kind, ERR_MISSING);
	}
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM audit WHERE act = 'command.reveal'"), 2);
}

static void
an_answer_that_is_no_secret_stands_with_its_command_as_ever(void **state)
{
	struct mdm *m = sealing(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *uuid = mdm_queue(m, p, "DeviceLocation", 0);
	json_t *command, *answer;

	phone_idle(p);
	phone_says_more(p, "Acknowledged", uuid, "<key>Latitude</key><real>48.5</real>");
	command = shown(m, p, uuid);
	assert_true(json_is_false(json_object_get(command, "sealed")));
	assert_non_null(json_object_get(json_object_get(command, "answer"), "Latitude"));
	json_decref(command);
	assert_false(queue_reveal(m->db, "anna", phone_enrollment(p)->device_id, uuid, &answer, &m->err));
	assert_string_equal(m->err.code, "no_secret");
}

static void
without_a_master_key_a_secret_answer_is_not_kept(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	const char *uuid;
	json_t *command;

	queue_sealer(NULL);
	uuid = mdm_queue(m, p, "RequestUnlockToken", 0);
	phone_idle(p);
	phone_says_more(p, "Acknowledged", uuid, "<key>UnlockToken</key><data>" TOKEN "</data>");
	assert_false(answer_open(m, TOKEN));
	command = shown(m, p, uuid);
	assert_string_equal(json_string_value(json_object_get(command, "state")), "acknowledged");
	assert_true(json_is_null(json_object_get(command, "answer")));
	json_decref(command);
}

/* As the migration finds a database of before. */
static void
what_was_kept_open_before_is_sealed_by_the_sweep(void **state)
{
	struct mdm *m = mdm_new(*state);
	struct phone *p = phone_enrolled(m, UDID_A);
	struct bytes plain = { TOKEN, strlen(TOKEN) };
	const char *waits, *answered;
	json_t *answer;

	queue_sealer(NULL);
	waits = mdm_queue(m, p, "InstallProfile", 0);
	answered = mdm_queue(m, p, "RequestUnlockToken", 9);
	assert_string_equal(phone_idle(p), answered);
	phone_says(p, "Acknowledged", answered);
	plain = pack(m->ctx, (struct bytes){ "<plist><dict><key>UnlockToken</key><string>" TOKEN "</string></dict></plist>",
					     strlen("<plist><dict><key>UnlockToken</key><string>" TOKEN "</string></dict></plist>") });
	assert_ok(db_run(m->db, &m->err, "UPDATE command_history SET answer = $1", db_bytes(plain)), &m->err);
	assert_ok(db_run(m->db, &m->err, "INSERT INTO command_plain (command_id, enrollment_id) SELECT id, '' FROM command"
			 " WHERE request_type = 'InstallProfile'"), &m->err);
	assert_ok(db_run(m->db, &m->err, "INSERT INTO command_plain (command_id, enrollment_id) SELECT command_id,"
			 " enrollment_id FROM command_history"), &m->err);
	assert_ok(db_run(m->db, &m->err, "INSERT INTO command_plain (command_id, enrollment_id) VALUES (4711, 'gone')"), &m->err);
	assert_ok(queue_sweep(m->db, 365, &m->err), &m->err);
	assert_true(answer_open(m, TOKEN));		/* there is no key yet */
	queue_sealer(m->sealer);
	assert_ok(queue_sweep(m->db, 365, &m->err), &m->err);
	assert_false(answer_open(m, TOKEN));
	assert_false(payload_open(m, "InstallProfile"));
	assert_int_equal(mdm_number(m, "SELECT count(*) FROM command_plain"), 0);
	assert_ok(queue_sweep(m->db, 365, &m->err), &m->err);
	assert_ok(queue_reveal(m->db, "anna", phone_enrollment(p)->device_id, answered, &answer, &m->err), &m->err);
	assert_string_equal(json_string_value(json_object_get(answer, "UnlockToken")), TOKEN);
	json_decref(answer);
	assert_string_equal(phone_idle(p), waits);
	assert_non_null(strstr(m->text, "<string>InstallProfile</string>"));
}

TESTS(a_payload_that_may_hold_a_secret_is_sealed_and_reaches_its_device_open,
      nothing_is_sealed_inside_of_a_transaction,
      a_secret_answer_is_sealed_and_shown_to_who_asks_and_is_written_down,
      an_answer_that_is_no_secret_stands_with_its_command_as_ever,
      without_a_master_key_a_secret_answer_is_not_kept,
      what_was_kept_open_before_is_sealed_by_the_sweep)
