#include "tests/check_mdm.h"
#include "core/asn1.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/plist_write.h"
#include "core/secret.h"
#include "mdm/proof.h"
#include "mdm/queue_secret.h"
#include "mdm/refusals.h"
#include <openssl/cms.h>
#include <openssl/rsa.h>
#include <stdio.h>

EVP_PKEY *
mdm_key(void)
{
	static EVP_PKEY *key;

	if (!key)
		key = EVP_RSA_gen(2048);
	assert_non_null(key);
	return key;
}

void
mdm_at(struct mdm *m, const char *iso)
{
	const char *path = mem_printf(m->ctx, "%s/clock", m->dir);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(iso, file);
	fclose(file);
	clock_follow(path);
}

struct mdm *
mdm_new(TALLOC_CTX *ctx)
{
	struct mdm *m = mem_new(ctx, struct mdm);

	m->ctx = ctx;
	m->dir = test_dir(ctx);
	mdm_at(m, NOON);
	assert_ok(db_open(ctx, m->dir, &m->db, &m->err), &m->err);
	m->ca = test_ca(ctx, m->db);
	m->sealer = test_sealer(ctx);
	m->talk = (struct talk){ m->db, m->ca, m->sealer, NULL, 30 * DAY_S, "192.0.2.7" };
	queue_kinds(NULL, NULL);
	queue_sealer(NULL);
	enrollment_hooks(NULL, NULL);
	refusals_forget();
	return m;
}

void
mdm_person(struct mdm *m, const char *id, const char *name)
{
	assert_ok(db_run(m->db, &m->err, "INSERT INTO person (id, name, folded, role, password, created) VALUES ($1, $2, $2, 'member', '', 0)",
			 db_text(id), db_text(name)), &m->err);
}

int64_t
mdm_number(struct mdm *m, const char *sql)
{
	struct rows *rows = db_queryv(m->ctx, m->db, sql, DB_VALS());
	int64_t ret;

	assert_ok(rows_one(rows, &m->err, sql), &m->err);
	ret = rows_int(rows, 0);
	rows_done(rows);
	return ret;
}

char *
mdm_text(struct mdm *m, const char *sql)
{
	struct rows *rows = db_queryv(m->ctx, m->db, sql, DB_VALS());
	char *ret;

	assert_ok(rows_one(rows, &m->err, sql), &m->err);
	ret = rows_text(m->ctx, rows, 0);
	rows_done(rows);
	return ret;
}

const char *
mdm_session(struct mdm *m, const char *kind, const char *udid, const char *serial, const char *person_id)
{
	char *id = secret_id(m->ctx);

	assert_ok(db_run(m->db, &m->err, "INSERT INTO enroll_session (id, token_hash, kind, person_id, state, challenge_hash,"
			 " udid, serial, devices_max, access_rights, identifier, url, created_by, created, expires, changed)"
			 " VALUES ($1, $2, $3, $4, 'issued', '', $5, $6, 5, 8191, 'com.example.mdm', 'https://apps.example.com',"
			 " 'test', $7, $8, $9)", db_text(id), db_text(mem_printf(m->ctx, "hash %s", id)), db_text(kind),
			 db_text(person_id), db_text(udid ? udid : ""), db_text(serial ? serial : ""), db_now(),
			 db_int(clock_now() + HOUR_S), db_now()), &m->err);
	return id;
}

static bool
tx_keep(struct db *tx, void *arg, struct err *err)
{
	return certificate_keep(tx, arg, err);
}

struct certificate *
mdm_issue(struct mdm *m, enum ca_purpose purpose, const char *session_id, bool keep)
{
	const char *subject = mem_printf(m->ctx, "CN=%s %s", purpose == CA_MDM ? "device" : "enrollment",
					 session_id ? session_id : "42");
	struct ca_wish wish = { .key = mdm_key(), .purpose = purpose, .subject = subject, .session_id = session_id,
				.upn = "anna@corp.example.com", .email = "anna@example.com" };
	struct certificate *cert;

	assert_ok(ca_issue(m->ctx, m->ca, &wish, &cert, &m->err), &m->err);
	if (keep)
		assert_ok(db_tx(m->db, tx_keep, cert, &m->err), &m->err);
	return cert;
}

struct phone *
phone_new(struct mdm *m, const char *udid, const char *session_id)
{
	struct phone *p = mem_new(m->ctx, struct phone);

	p->mdm = m;
	p->udid = udid;
	p->serial = "F2LX1234";
	p->session = session_id;
	p->cert = mdm_issue(m, CA_MDM, session_id, true);
	snprintf(p->magic, sizeof p->magic, "MAGIC-%.8s", p->cert->sha256);
	secret_random(p->token, sizeof p->token);
	p->token_len = 32;
	return p;
}

struct phone *
phone_ota(struct mdm *m, const char *udid, const char *person_id)
{
	return phone_new(m, udid, mdm_session(m, "ota", udid, NULL, person_id));
}

struct phone *
phone_direct(struct mdm *m, const char *udid, const char *person_id)
{
	return phone_new(m, udid, mdm_session(m, "direct", NULL, NULL, person_id));
}

void
phone_enrolls(struct phone *p)
{
	assert_ok(phone_authenticate(p), &p->mdm->err);
	assert_ok(phone_token(p, ""), &p->mdm->err);
}

struct phone *
phone_enrolled(struct mdm *m, const char *udid)
{
	struct phone *p = phone_ota(m, udid, NULL);

	phone_enrolls(p);
	return p;
}

static char *
base64(struct mdm *m, struct bytes der)
{
	struct buf text;

	buf_init(&text, m->ctx, 1 << 20);
	buf_base64(&text, der.p, der.len);
	return (char *)(uintptr_t)buf_str(&text);
}

/* OpenSSL puts a signingTime into everything: without one it is written by hand.  RFC 5652 section 5. */
static char *
sign_without_time(struct mdm *m, const struct certificate *cert, struct bytes body)
{
#define OID(text)	((struct bytes){ text, sizeof text - 1 })
#define SEQ(...)	ASN1_PUT(m->ctx, ASN1_TAG_SEQUENCE, __VA_ARGS__)
#define SET(...)	ASN1_PUT(m->ctx, ASN1_TAG_SET, __VA_ARGS__)
	const struct bytes pkcs7 = OID("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"),
			   data = OID("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"),
			   type = OID("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"),
			   digest = OID("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"),
			   sha256 = SEQ(OID("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01")),
			   rsa = SEQ(OID("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00")),
			   one = OID("\x02\x01\x01");
	unsigned char hash[32], sig[512], *issuer = NULL, *serial = NULL;
	size_t sig_len = sizeof sig, n = sizeof hash, serial_len;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	X509 *x509 SCOPED(x509) = NULL;
	struct bytes attributes, set, info, whom;

	assert_ok(x509_read_der(cert->der, &x509, &m->err), &m->err);
	assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, body.p, body.len, hash, &n), 1);
	set = SET(SEQ(type, SET(data)), SEQ(digest, SET(ASN1_PUT(m->ctx, ASN1_TAG_OCTETS, (struct bytes){ hash, n }))));
	assert_true(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, mdm_key()) == 1 &&
		    EVP_DigestSign(md, sig, &sig_len, set.p, set.len) == 1);
	EVP_MD_CTX_free(md);
	attributes = (struct bytes){ mem_copy(m->ctx, set.p, set.len), set.len };
	*(unsigned char *)(uintptr_t)attributes.p = ASN1_TAG_CONTEXT_0;
	n = (size_t)i2d_X509_NAME(X509_get_issuer_name(x509), &issuer);
	serial_len = (size_t)i2d_ASN1_INTEGER(X509_get_serialNumber(x509), &serial);
	whom = SEQ((struct bytes){ issuer, n }, (struct bytes){ serial, serial_len });
	OPENSSL_free(issuer);
	OPENSSL_free(serial);
	info = SEQ(one, whom, sha256, attributes, rsa, ASN1_PUT(m->ctx, ASN1_TAG_OCTETS, (struct bytes){ sig, sig_len }));
	return base64(m, SEQ(pkcs7, ASN1_PUT(m->ctx, ASN1_TAG_CONTEXT_0, SEQ(one, SET(sha256), SEQ(data),
			     ASN1_PUT(m->ctx, ASN1_TAG_CONTEXT_0, cert->der), SET(info)))));
}

char *
mdm_sign(struct mdm *m, const struct certificate *cert, struct bytes body, int64_t at)
{
	const unsigned flags = CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL;
	BIO *bio SCOPED(bio) = BIO_new_mem_buf(body.p, (int)body.len);
	X509 *x509 SCOPED(x509) = NULL;
	CMS_ContentInfo *cms SCOPED(cms) = CMS_sign(NULL, NULL, NULL, NULL, flags);
	ASN1_TIME *time = ASN1_TIME_set(NULL, at > 0 ? at : clock_now());
	CMS_SignerInfo *signer;
	unsigned char *der = NULL;
	char *text;
	int len;

	if (at == MDM_NO_TIME) {
		ASN1_TIME_free(time);
		return sign_without_time(m, cert, body);
	}
	assert_ok(x509_read_der(cert->der, &x509, &m->err), &m->err);
	signer = CMS_add1_signer(cms, x509, mdm_key(), EVP_sha256(), flags);
	assert_non_null(signer);
	assert_int_equal(CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_signingTime, time->type, time, -1), 1);
	assert_int_equal(CMS_final(cms, bio, NULL, flags), 1);
	len = i2d_CMS_ContentInfo(cms, &der);
	assert_true(len > 0);
	text = base64(m, (struct bytes){ der, (size_t)len });
	OPENSSL_free(der);
	ASN1_TIME_free(time);
	return text;
}

static bool
say(struct phone *p, const char *xml, bool checkin)
{
	struct mdm *m = p->mdm;
	struct bytes body = { xml, strlen(xml) };
	struct proof proof = { .der = p->cert->der, .live = true };
	struct checkin_answer answer;

	m->err = (struct err){ 0 };
	m->status = 0;
	m->text = "";
	if (p->by_signature &&
	    !proof_by_signature(m->ctx, mdm_sign(m, p->cert, body, p->signed_at), body, &proof, &m->err))
		return false;
	if (!(checkin ? talk_checkin : talk_command)(m->ctx, &m->talk, &proof, body, &answer, &m->err))
		return false;
	m->status = answer.status;
	m->text = mem_textn(m->ctx, answer.body.p ? answer.body.p : "", answer.body.len);
	return true;
}

bool
phone_checkin(struct phone *p, const char *xml)
{
	return say(p, xml, true);
}

bool
phone_command(struct phone *p, const char *xml)
{
	return say(p, xml, false);
}

const char *
mdm_dict(struct mdm *m, const char *inner)
{
	return mem_printf(m->ctx, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST"
			  " 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict>%s</dict>"
			  "</plist>\n", inner);
}

bool
phone_authenticate(struct phone *p)
{
	return phone_checkin(p, mdm_dict(p->mdm, mem_printf(p->mdm->ctx, "<key>MessageType</key><string>Authenticate</string>"
		"<key>Topic</key><string>" TOPIC "</string><key>UDID</key><string>%s</string><key>OSVersion</key>"
		"<string>18.1</string><key>BuildVersion</key><string>22B83</string><key>ProductName</key><string>iPhone15,4"
		"</string><key>SerialNumber</key><string>%s</string>", p->udid, p->serial)));
}

bool
phone_token(struct phone *p, const char *more)
{
	struct buf token;

	buf_init(&token, p->mdm->ctx, 100);
	buf_base64(&token, p->token, p->token_len);
	return phone_checkin(p, mdm_dict(p->mdm, mem_printf(p->mdm->ctx, "<key>MessageType</key><string>TokenUpdate</string>"
		"<key>Topic</key><string>" TOPIC "</string><key>UDID</key><string>%s</string><key>PushMagic</key><string>%s"
		"</string><key>Token</key><data>%s</data>%s", p->udid, p->magic, buf_str(&token), more)));
}

bool
phone_check_out(struct phone *p)
{
	return phone_checkin(p, mdm_dict(p->mdm, mem_printf(p->mdm->ctx, "<key>MessageType</key><string>CheckOut</string>"
		"<key>Topic</key><string>" TOPIC "</string><key>UDID</key><string>%s</string>", p->udid)));
}

/* The CommandUUID of the last answer. */
static const char *
given(struct mdm *m)
{
	static const char key[] = "<key>CommandUUID</key><string>";
	const char *at = strstr(m->text, key);

	if (!at)
		return NULL;
	at += strlen(key);
	return mem_textn(m->ctx, at, strcspn(at, "<"));
}

const char *
phone_says_more(struct phone *p, const char *status, const char *uuid, const char *more)
{
	struct mdm *m = p->mdm;

	assert_ok(phone_command(p, mdm_dict(m, mem_printf(m->ctx, "<key>UDID</key><string>%s</string><key>Status</key><string>"
		"%s</string>%s%s", p->udid, status, uuid ? mem_printf(m->ctx, "<key>CommandUUID</key><string>%s</string>",
		uuid) : "", more))), &m->err);
	assert_int_equal(m->status, 200);
	return given(m);
}

const char *
phone_says(struct phone *p, const char *status, const char *uuid)
{
	return phone_says_more(p, status, uuid, "");
}

const char *
phone_idle(struct phone *p)
{
	return phone_says(p, "Idle", NULL);
}

struct enrollment *
phone_enrollment(struct phone *p)
{
	struct enrollment *e;

	assert_ok(enrollment_by_identity(p->mdm->ctx, p->mdm->db, p->cert->sha256, &e, &p->mdm->err), &p->mdm->err);
	return e;
}

struct adding {
	struct mdm *m;
	const struct queue_wish *wish;
	const char *enrollment;
	enum queue_verdict verdict;
	char *uuid;
};

static bool
tx_add(struct db *tx, void *arg, struct err *err)
{
	struct adding *a = arg;

	return queue_add(tx, a->m->ctx, a->wish, &a->enrollment, 1, &a->verdict, &a->uuid, err);
}

enum queue_verdict
mdm_wish(struct mdm *m, const struct phone *p, struct queue_wish wish, char **uuid)
{
	struct adding a = { m, &wish, phone_enrollment((struct phone *)(uintptr_t)p)->id, QUEUE_UNKNOWN, NULL };
	const char *payload = mdm_dict(m, mem_printf(m->ctx, "<key>RequestType</key><string>%s</string>", wish.request_type));

	if (!wish.kind)
		wish.payload = (struct bytes){ payload, strlen(payload) };
	if (!wish.created_by)
		wish.created_by = "house";
	assert_ok(queue_seal(m->ctx, &wish, &m->err), &m->err);
	assert_ok(db_tx(m->db, tx_add, &a, &m->err), &m->err);
	if (uuid)
		*uuid = a.uuid;
	return a.verdict;
}

const char *
mdm_queue(struct mdm *m, const struct phone *p, const char *request_type, int64_t priority)
{
	char *uuid;

	assert_int_equal(mdm_wish(m, p, (struct queue_wish){ .request_type = request_type, .priority = priority }, &uuid),
			 QUEUE_ADDED);
	return uuid;
}

/* ---- what came of it ---- */

const char *
phone_state(struct phone *p)
{
	return mdm_text(p->mdm, mem_printf(p->mdm->ctx, "SELECT state FROM enrollment WHERE identity = '%s'",
					   p->cert->sha256));
}

void
phone_is_refused(struct phone *p, bool said, enum err_kind kind)
{
	assert_false(said);
	assert_int_equal(p->mdm->err.kind, kind);
}

const char *
phone_idle_xml(struct phone *p)
{
	return mdm_dict(p->mdm, mem_printf(p->mdm->ctx, "<key>UDID</key><string>%s</string><key>Status</key><string>Idle"
					   "</string>", p->udid));
}

void
mdm_settles(struct mdm *m)
{
	assert_ok(db_writable(m->db, &m->err), &m->err);	/* behind what was written behind */
}

int64_t
mdm_audited(struct mdm *m, const char *act)
{
	mdm_settles(m);
	return mdm_number(m, mem_printf(m->ctx, "SELECT count(*) FROM audit WHERE act = '%s'", act));
}

/* A row's columns, each as it would be written in SQL; a table's rows are in the order of their own. */
static const char *
rows_of(struct mdm *m, const char *table)
{
	const char *columns = mdm_text(m, mem_printf(m->ctx, "SELECT group_concat('quote(\"' || name || '\")', '||'',''||')"
							     " FROM pragma_table_info('%s')", table));

	return mdm_text(m, mem_printf(m->ctx, "SELECT '%s: ' || coalesce(group_concat(%s, '; '), '') FROM %s", table, columns,
				      table));
}

const char *
mdm_snapshot(struct mdm *m)
{
	char *all = mem_text(m->ctx, "");
	struct rows *tables;

	mdm_settles(m);
	tables = db_query(m->ctx, m->db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
	while (rows_next(tables, &m->err) == ROWS_ROW)
		all = mem_printf(m->ctx, "%s%s\n", all, rows_of(m, rows_text(m->ctx, tables, 0)));
	rows_done(tables);
	return all;
}

struct mdm_told mdm_told;

static bool
hook_enrolled(struct db *tx, void *site, const struct enrollment *e, struct err *err)
{
	(void)tx, (void)site, (void)err;
	assert_string_equal(e->state, "enrolled");
	mdm_told.enrolled++;
	return true;
}

static bool
hook_ended(struct db *tx, void *site, const struct enrollment *e, const char *state, struct err *err)
{
	(void)tx, (void)e, (void)err;
	mdm_told.ended++;
	mdm_told.state = mem_text(site, state);
	return true;
}

static bool
hook_wants(struct db *tx, void *site, const struct enrollment *e, struct err *err)
{
	(void)tx, (void)site, (void)e, (void)err;
	mdm_told.wants_token++;
	return true;
}

static const struct enrollment_hooks tell = { .enrolled = hook_enrolled, .ended = hook_ended, .wants_token = hook_wants };

void
mdm_listens(struct mdm *m)
{
	memset(&mdm_told, 0, sizeof mdm_told);
	enrollment_hooks(&tell, m->ctx);
}
