#include "web/outbox.h"
#include "catalog/message.h"
#include "core/clock.h"
#include "core/count.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/lane.h"
#include "web/qr.h"
#include <string.h>
#include <unistd.h>

#define ATTEMPTS_MAX	20	/* of a job whose worker dies each time */
#define AGAIN_MIN_S	60	/* of one message that is put off */
#define AGAIN_MAX_S	3600
#define RECORD_TRIES	60	/* a second apart; no more of them when the server stops */
#define STEP_US		100000	/* how long a worker sleeps before it looks whether the server stops */

/* One way out. */
struct way {
	struct lane lane;
	enum count sent, failed;
};

struct outbox {
	struct jobs *jobs;
	struct mailer *mailer;
	struct way mail, sms;
	_Atomic bool stopping;
};

/* ---- settings ---- */

const char *
outbox_host(TALLOC_CTX *ctx, const struct conf *conf)
{
	const char *url = strstr(conf->server_base_url, "://"), *host = url ? url + 3 : "";
	size_t len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");

	return len ? mem_textn(ctx, host, len) : "localhost";
}

struct mail_server
outbox_mail(const struct conf *conf)
{
	return (struct mail_server){
		.url = conf->smtp_url, .tls = conf->smtp_tls, .ca_file = conf->smtp_ca_file, .user = conf->smtp_user,
		.password = conf->smtp_password, .helo = "", .allow = conf->egress_allow,
	};
}

struct sms_gateway
outbox_sms(const struct conf *conf)
{
	return (struct sms_gateway){
		.driver = conf->sms_driver, .url = conf->sms_url, .user = conf->sms_user, .password = conf->sms_password,
		.from = conf->sms_from, .body = conf->sms_body, .content_type = conf->sms_content_type,
		.allow = conf->egress_allow,
	};
}

/* Waits for its turn; false when the server stops meanwhile. */
static bool
wait_turn(struct outbox *outbox, struct way *way, int64_t per_minute)
{
	int64_t turn = lane_turn(&way->lane, clock_ms(), per_minute);

	while (clock_ms() < turn && !outbox->stopping)
		usleep(STEP_US);
	return !outbox->stopping;
}

/* ---- one message ---- */

static const char *
field(const struct message *m, const char *name)
{
	return json_string_value(json_object_get(m->body, name));
}

static bool
compose(TALLOC_CTX *ctx, const struct conf *conf, const struct message *m, struct buf *out, struct err *err)
{
	struct mail mail = {
		.id = mem_printf(ctx, "%s@%s", m->id, outbox_host(ctx, conf)), .from = conf->smtp_from,
		.to = m->recipient, .reply_to = field(m, "reply_to"), .subject = m->subject,
		.text = field(m, "text"), .html = field(m, "html"),
		.unsubscribe_url = field(m, "unsubscribe_url"), .date = m->created,
	};

	if (!mail.reply_to)
		mail.reply_to = conf->smtp_reply_to;
	if (!mail.text)
		return err_set(err, ERR_INTERNAL, "a message without a text");
	if (field(m, "qr") && !qr_png(ctx, field(m, "qr"), &mail.qr, err))
		return false;
	return mail_write(&mail, out, err);
}

struct attempt {
	struct site *site;
	const struct conf *conf;
	const struct message *message;
	struct way *way;
	struct bytes mail;		/* its bytes */
	const char *report_token;	/* of an SMS */
};

static bool
hand_over(TALLOC_CTX *ctx, const struct attempt *a, struct sending *ret, struct err *err)
{
	struct outbox *outbox = a->site->outbox;

	if (a->way == &outbox->mail) {
		struct mail_server server = outbox_mail(a->conf);

		server.helo = outbox_host(ctx, a->conf);
		return mail_send(outbox->mailer, &server, a->conf->smtp_from, a->message->recipient,
				 a->mail, ret, err);
	} else {
		struct sms_gateway gateway = outbox_sms(a->conf);
		struct sms sms = { a->message->recipient, field(a->message, "text"),
				   mem_printf(ctx, "%s/hooks/sms/%s", a->site->base_url, a->report_token) };

		return sms_send(&gateway, &sms, ret, err);
	}
}

/* The one record that must not be lost: without it, what was acknowledged would be sent again. */
static bool
record_sent(const struct attempt *a, const char *provider_id, struct err *err)
{
	for (int i = 0; !message_sent(a->site->db, a->message->id, provider_id, err); i++) {
		if (i % RECORD_TRIES == 0)
			log_err("that a message was sent cannot be recorded; it is tried every second", err,
				KV("message", a->message->id));
		if (i >= RECORD_TRIES && a->site->outbox->stopping)
			return false;
		sleep(1);
	}
	count_add(a->way->sent, 1);
	log_info("message sent", KV("message", a->message->id), KV("kind", a->way->lane.name));
	return true;
}

static bool
give_up(const struct attempt *a, const char *why, struct err *err)
{
	count_add(a->way->failed, 1);
	log_info("message not sent", KV("message", a->message->id), KV("kind", a->way->lane.name),
		 KV("why", why));
	return message_failed(a->site->db, a->message->id, why, err);
}

/* Doubles with each attempt; by chance in the upper half, so that what was put off together comes back apart. */
static int64_t
again_after(int64_t attempts)
{
	int64_t delay = AGAIN_MIN_S;
	uint32_t chance;

	while (attempts-- > 0 && delay < AGAIN_MAX_S)
		delay *= 2;
	if (delay > AGAIN_MAX_S)
		delay = AGAIN_MAX_S;
	secret_random(&chance, sizeof chance);
	return delay - chance % (delay / 2);
}

static bool
put_off(TALLOC_CTX *ctx, const struct attempt *a, const char *why, int64_t after_s, struct err *err)
{
	int64_t hours = a->conf->message_give_up_hours;

	if (clock_now() - a->message->asked >= hours * 3600)
		return give_up(a, mem_printf(ctx, "given up after %lld hours: %s", (long long)hours,
					     why), err);
	return message_later(a->site->db, a->message->id, why, after_s, err);
}

static bool
works(const struct attempt *a)
{
	if (lane_works(&a->way->lane))
		log_info("messages go out again", KV("kind", a->way->lane.name));
	return true;
}

static bool
send_it(TALLOC_CTX *ctx, const struct attempt *a, struct err *err)
{
	char why[sizeof err->path + sizeof err->cause + 2];
	struct err refused = { 0 };
	struct sending sending;

	if (hand_over(ctx, a, &sending, &refused))
		return record_sent(a, sending.id, err) && works(a);
	err_text(&refused, why, sizeof why);
	if (sending.result == SENDING_DOWN) {
		int64_t pause = lane_broken(&a->way->lane, clock_ms(), why);

		if (pause == LANE_PAUSE_MIN_MS)
			log_err("no message goes out; it is tried again and again", &refused,
				KV("kind", a->way->lane.name));
		return put_off(ctx, a, why, pause / 1000, err);
	}
	works(a);	/* the way does: what was said concerns this one alone */
	if (sending.result == SENDING_NEVER)
		return give_up(a, why, err);
	return put_off(ctx, a, why, again_after(a->message->attempts), err);
}

/* What can be done before it is this one's turn; false when it can never be sent. */
static bool
prepare(TALLOC_CTX *ctx, struct attempt *a, struct err *why)
{
	struct mail_address ignored;
	struct err bad = { 0 };
	struct buf bytes;

	if (!field(a->message, "text"))
		return err_set(why, ERR_INTERNAL, "its text is gone");
	if (a->way == &a->site->outbox->sms) {
		a->report_token = secret_token(ctx);
		return true;
	}
	if (!mail_address(ctx, a->conf->smtp_from, &ignored, &bad))
		return true;	/* mail_send will say so, and no message is to blame */
	buf_init(&bytes, ctx, MAIL_BYTES_MAX);
	if (!compose(ctx, a->conf, a->message, &bytes, why))
		return false;
	a->mail = (struct bytes){ buf_str(&bytes), bytes.len };
	return true;
}

static bool
job_send(const struct job *job, TALLOC_CTX *ctx, void *p, struct err *err)
{
	struct site *site = p;
	struct outbox *outbox = site->outbox;
	const char *id = json_string_value(json_object_get(job->args, "message"));
	char why[sizeof err->path + sizeof err->cause + 2];
	struct attempt a = { .site = site, .conf = site_conf(site) };
	struct err never = { 0 };
	struct message *m;
	int64_t wait;
	bool mine;

	if (!message_load(ctx, site->db, id ? id : "", &m, err))
		return err->kind == ERR_MISSING;	/* swept meanwhile */
	if (strcmp(m->state, "waiting") != 0 && strcmp(m->state, "sending") != 0)
		return true;
	a.message = m;
	a.way = strcmp(m->kind, "mail") == 0 ? &outbox->mail : &outbox->sms;
	if (!prepare(ctx, &a, &never))
		return give_up(&a, err_text(&never, why, sizeof why), err);
	if ((wait = lane_enter(&a.way->lane, clock_ms(), why, sizeof why)) > 0)
		return put_off(ctx, &a, why, wait / 1000 + 1, err);
	if (!wait_turn(outbox, a.way, a.conf->message_per_minute)) {
		lane_untried(&a.way->lane);
		return err_set(err, ERR_BUSY, "the server stops");
	}
	if (message_begin(site->db, m->id, job->id, a.report_token, &mine, err) && mine)
		return send_it(ctx, &a, err);
	lane_untried(&a.way->lane);
	return !err->kind;
}

static bool
job_dead(const struct job *job, struct db *tx, void *site, const struct err *why, struct err *err)
{
	const char *id = json_string_value(json_object_get(job->args, "message"));
	char text[sizeof err->path + sizeof err->cause + 2];

	(void)site;
	return !id || message_failed(tx, id, err_text(why, text, sizeof text), err);
}

static const struct job_kind kinds[] = { { MESSAGE_JOB, ATTEMPTS_MAX, job_send, job_dead }, { 0 } };

/* ---- start and stop ---- */

bool
outbox_start(struct site *site, struct err *err)
{
	struct outbox *outbox = mem_new(site, struct outbox);

	outbox->mailer = mailer_new(outbox);
	outbox->mail = (struct way){ .sent = COUNT_MAILS_SENT, .failed = COUNT_MAILS_FAILED };
	outbox->sms = (struct way){ .sent = COUNT_SMS_SENT, .failed = COUNT_SMS_FAILED };
	lane_init(&outbox->mail.lane, "mail");
	lane_init(&outbox->sms.lane, "sms");
	site->outbox = outbox;
	return jobs_start(outbox, site->db, kinds, OUTBOX_WORKERS, site, &outbox->jobs, err);
}

void
outbox_stop(struct site *site)
{
	if (!site->outbox || !site->outbox->jobs)
		return;
	site->outbox->stopping = true;
	mailer_hurry(site->outbox->mailer);
	jobs_stop(site->outbox->jobs);
}

void
outbox_wake(struct site *site)
{
	jobs_wake(site->outbox ? site->outbox->jobs : NULL);
}

json_t *
outbox_stuck(struct site *site)
{
	struct lane *lanes[] = { &site->outbox->mail.lane, &site->outbox->sms.lane };
	json_t *list = json_array();
	char why[sizeof lanes[0]->why];

	for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++)
		if (lane_is_broken(lanes[i], why, sizeof why))
			json_array_append_new(list, json_pack("{s:s, s:s}", "kind", lanes[i]->name,
							      "why", why));
	return list;
}

/* ---- trying the settings ---- */

static bool
enter_test(struct site *site, _Atomic int *testing, struct err *err)
{
	if (atomic_fetch_add(testing, 1) < (site_conf(site)->server_workers + 1) / 2)
		return true;
	atomic_fetch_sub(testing, 1);
	return err_set(err, ERR_BUSY, "other tests are under way; try again in a minute");
}

static _Atomic int testing;

bool
outbox_test_mail(struct site *site, const struct mail *mail, struct sending *ret, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	struct mail_server server = outbox_mail(site_conf(site));
	struct buf bytes;
	bool ok;

	*ret = (struct sending){ .step = SENDING_SETTINGS };
	server.helo = outbox_host(ctx, site_conf(site));
	buf_init(&bytes, ctx, MAIL_BYTES_MAX);
	if (!*mail->from)
		return err_code(err, ERR_INVALID, "setting", "smtp.from is not set");
	if (!mail_write(mail, &bytes, err) || !enter_test(site, &testing, err))
		return false;
	ok = mail_send(NULL, &server, mail->from, mail->to,
		       (struct bytes){ buf_str(&bytes), bytes.len }, ret, err);
	atomic_fetch_sub(&testing, 1);
	return ok;
}

bool
outbox_test_sms(struct site *site, const struct sms *sms, struct sending *ret, struct err *err)
{
	struct sms_gateway gateway = outbox_sms(site_conf(site));
	bool ok;

	*ret = (struct sending){ .step = SENDING_SETTINGS };
	if (!enter_test(site, &testing, err))
		return false;
	ok = sms_send(&gateway, sms, ret, err);
	atomic_fetch_sub(&testing, 1);
	return ok;
}
