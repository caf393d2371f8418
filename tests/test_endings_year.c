/* A year of what the house itself knows: the sources that the server has, over real rows and real certificates. */
#include "tests/check_apps.h"
#include "tests/check_authority.h"
#include "catalog/ending.h"
#include "catalog/token.h"
#include "core/buf.h"
#include "core/file.h"
#include "mdm/authority.h"
#include "mdm/ca_make.h"
#include "web/ending_sources.h"
#include "web/signing.h"
#include <string.h>
#include <sys/stat.h>

/* ---- certificates, which live from one day of the story to another ---- */

static const char *
made(struct story *w, const char *name, int begins, int ends)
{
	struct x509_made made;
	struct err err;

	story_day(w, begins);
	assert_ok(x509_make(w->ctx, name, "", ends - begins, NULL, &made, &err), &err);
	return made.cert_pem;
}

static void
in_file(struct story *w, const char *path, const char *pem)
{
	struct err err;

	(void)w;
	assert_ok(file_write(path, 0600, (struct bytes){ pem, strlen(pem) }, &err), &err);
}

static void
in_authority(struct story *w, const char *id, enum authority_role role, const char *pem)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	struct authority *row;
	struct err err;

	assert_ok(x509_read_pem((struct bytes){ pem, strlen(pem) }, &certs, &err), &err);
	assert_ok(authority_of(w->ctx, sk_X509_value(certs, 0), role, NULL, &row, &err), &err);
	story_run(w, "INSERT INTO authority (id, role, key_id, certificate, sha256, not_after, made) VALUES ($1, $2, $3, $4, $5, $6, 1)",
		  db_text(id), db_text(authority_role_name(role)), db_text(row->key_id), db_bytes(row->der), db_text(row->sha256),
		  db_int(row->not_after));
}

/* The certificate of somebody's own mobileconfig, issued by the CA. */
static void
own(struct story *w, const char *id, const char *person_id, int begins, int ends)
{
	const char *cert = mem_printf(w->ctx, "%s-%d", id, begins);

	story_run(w, "INSERT INTO own_mobileconfig (id, person_id, mobileconfig_id, identifier, title, udid, device_name, state, created, changed)"
		  " VALUES ($1, $2, 'eas', 'com.example.eas', 'Exchange', $1, 'iPhone', 'installed', 1, 1) ON CONFLICT (id) DO NOTHING",
		  db_text(id), db_text(person_id));
	story_run(w, "INSERT INTO own_session (id, token_hash, way, person_id, mobileconfig_id, own_id, state, challenge_hash, created, expires,"
		  " changed) VALUES ($1, $1, 'phases', $2, 'eas', $3, 'issued', $1, 1, 1, 1)", db_text(cert), db_text(person_id), db_text(id));
	story_run(w, "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256, der, session_id, not_before, not_after,"
		  " issued, turn) VALUES ($1, $1, 'ca', 'person', $1, $1, $2, $1, $3, $4, 1, (SELECT COALESCE(max(turn), 0) + 1 FROM certificate))", db_text(cert), db_bytes((struct bytes){ "x", 1 }),
		  db_int(noon_of(begins)), db_int(noon_of(ends)));
}

/* ---- the house ---- */

struct files {
	const char *tls, *tls_ca, *signing, *directory;
};

static struct files
files_of(struct story *w)
{
	struct files f = { mem_printf(w->ctx, "%s/tls.pem", w->house.dir), mem_printf(w->ctx, "%s/tls/ca.pem", w->house.dir),
			   mem_printf(w->ctx, "%s/sign.pem", w->house.dir), mem_printf(w->ctx, "%s/ldap.pem", w->house.dir) };
	struct conf *conf = mem_copy(w->ctx, site_conf(w->site), sizeof *conf);

	mkdir(mem_printf(w->ctx, "%s/tls", w->house.dir), 0700);
	conf->server_plain = false;
	conf->server_tls_cert = f.tls;
	conf->registration_sign_cert = f.signing;
	conf->ldap_client_cert = f.directory;
	w->site->conf = conf;
	return f;
}

#define BY_PROVISION(end, uuid) ((struct apps_end){ noon_of(end), "provision", uuid, "" })
#define BY_CERTIFICATE(end, uuid) ((struct apps_end){ noon_of(end), "certificate", uuid, "" })

static void
begin(struct story *w, const struct files *f)
{
	const struct person *mia, *nils;

	in_file(w, f->tls, made(w, "apps.example.com", -295, 70));
	in_file(w, f->tls_ca, made(w, "Example TLS CA", -900, 100));
	in_file(w, f->signing, made(w, "Example Signing", 0, 90));
	in_file(w, f->directory, made(w, "pomona", -215, 150));
	in_authority(w, "ca", ROLE_OF_CA, made(w, "Example CA", -1000, 2000));
	in_authority(w, "ra", ROLE_OF_RA_SIGN, made(w, "Example RA", -185, 180));
	in_authority(w, "ra-decrypt", ROLE_OF_RA_DECRYPT, made(w, "Example RA", -185, 900));
	story_day(w, 0);
	story_human(w, "anna", ROLE_ADMIN, "anna@example.com");
	story_run(w, "UPDATE person SET all_apps = FALSE WHERE id = $1", db_text(story_human(w, "paul", ROLE_PUBLISHER, "paul@example.com")->id));
	story_run(w, "INSERT INTO publisher_app (person_id, bundle_id) SELECT id, 'com.example.stock' FROM person WHERE name = 'paul'");
	mia = story_human(w, "mia", ROLE_MEMBER, "mia@example.com");
	nils = story_human(w, "nils", ROLE_MEMBER, "");
	own(w, "o-mia", mia->id, -125, 240);
	own(w, "o-nils", nils->id, -103, 262);
	/* two phones hold one app, a third another one; all by what is embedded */
	apps_build(w, "stock", "7", noon_of(130), noon_of(280));
	apps_holds(w, "d1", "stock-7", BY_PROVISION(130, "old"));
	apps_holds(w, "d2", "stock-7", BY_PROVISION(130, "old"));
	apps_build(w, "canteen", "3", noon_of(160), noon_of(3000));
	apps_holds(w, "d3", "canteen-3", BY_PROVISION(160, "canteen"));
}

/* Of field there is a build each night; one phone gets it in the morning, another one after two days. */
static void
nightly(struct story *w, int today)
{
	const char *newer = mem_printf(w->ctx, "field-%d", today), *older = mem_printf(w->ctx, "field-%d", today - 2);

	apps_build(w, "field", mem_printf(w->ctx, "%d", today), noon_of(today < 285 ? 300 : 665), noon_of(3000));
	apps_holds(w, "d4", newer, today < 285 ? BY_PROVISION(300, "field") : BY_PROVISION(665, "field-new"));
	if (today >= 202)
		apps_holds(w, "d5", older, today - 2 < 285 ? BY_PROVISION(300, "field") : BY_PROVISION(665, "field-new"));
}

static void
happens(struct story *w, const void *files, int today)
{
	const struct files *f = files;

	if (today >= 200)
		nightly(w, today);
	switch (today) {
	case 60:	in_file(w, f->tls, made(w, "apps.example.com", 60, 600)); break;
	case 61:	in_file(w, f->signing, made(w, "Example Signing", 61, 151)); break;	/* a day late */
	case 75:	/* the newer provision of stock is here, on its way to all */
		apps_coming(w, "d1", "stock-7", "new", "wanted");
		apps_coming(w, "d2", "stock-7", "new", "wanted");
		break;
	case 90:	/* one has it, and now the certificate is what ends first there; the other phone sleeps */
		apps_coming(w, "d1", "stock-7", "new", "done");
		apps_holds(w, "d1", "stock-7", BY_CERTIFICATE(280, "new"));
		break;
	case 105:	/* of canteen it is on its way, and nothing is heard of the phone until it is nearly over */
		apps_coming(w, "d3", "canteen-3", "canteen-new", "sent");
		apps_silent(w, "d3", noon_of(104));
		break;
	case 110:	in_file(w, f->signing, made(w, "Example Signing", 110, 600)); break;	/* in time */
	case 120:	/* for who has no management there is a newer build, by the same certificate; the sleeper gets it */
		apps_build(w, "stock", "8", noon_of(485), noon_of(280));
		story_run(w, "UPDATE build_bundle SET certificate = 'cert-stock-7' WHERE build_id = 'stock-8'");
		apps_coming(w, "d2", "stock-7", "new", "done");
		apps_holds(w, "d2", "stock-8", BY_CERTIFICATE(280, "new"));
		break;
	case 158:
		apps_coming(w, "d3", "canteen-3", "canteen-new", "done");
		apps_holds(w, "d3", "canteen-3", BY_PROVISION(525, "canteen-new"));
		break;
	case 159:	apps_build(w, "canteen", "4", noon_of(525), noon_of(3000)); break;
	case 170:	story_run(w, "UPDATE authority SET retired = 5 WHERE id = 'ra'"); break;
	case 230:	own(w, "o-mia", story_text(w, "SELECT id FROM person WHERE name = 'mia'"), 230, 595); break;
	case 260:	/* signed anew, and installed */
		apps_build(w, "stock", "9", noon_of(600), noon_of(1300));
		apps_holds(w, "d1", "stock-9", BY_PROVISION(600, "newest"));
		apps_holds(w, "d2", "stock-9", BY_PROVISION(600, "newest"));
		break;
	default:
		return;
	}
	story_day(w, today);
}

/* "day person kind subject notice" */
static const char expected[] =
	"10 anna tls server.tls_cert 60\n"
	"40 anna tls server.tls_cert 30\n"
	"40 anna tls_ca apart 60\n"
	"56 anna tls server.tls_cert 14\n"	/* then it was renewed */
	"60 anna signing registration.sign_cert 30\n"	/* it lives for 90 days: no 60; the next one was in time */
	"70 anna tls_ca apart 30\n"
	"70 anna provision com.example.stock old 60\n"
	"70 paul provision com.example.stock old 60\n"
	"70 anna build com.example.stock 60\n"
	"70 paul build com.example.stock 60\n"
	"86 anna tls_ca apart 14\n"
	"90 anna directory_certificate ldap.client_cert 60\n"
	"93 anna tls_ca apart 7\n"
	"99 anna tls_ca apart 1\n"
	/* 100: of stock's devices nobody is told, the newer provision is on its way to all; of its build all are */
	"100 anna build com.example.stock 30\n"
	"100 paul build com.example.stock 30\n"
	"100 anna provision com.example.canteen canteen 60\n"	/* paul does not publish it */
	"100 anna build com.example.canteen 60\n"
	"116 anna build com.example.stock 14\n"
	"116 paul build com.example.stock 14\n"
	"120 anna directory_certificate ldap.client_cert 30\n"
	"120 anna ra ra 60\n"
	"130 anna provision com.example.canteen canteen 30\n"	/* on its way, to a phone that is silent */
	"130 anna build com.example.canteen 30\n"
	"136 anna directory_certificate ldap.client_cert 14\n"
	"143 anna directory_certificate ldap.client_cert 7\n"
	"146 anna provision com.example.canteen canteen 14\n"
	"146 anna build com.example.canteen 14\n"
	"149 anna directory_certificate ldap.client_cert 1\n"
	"150 anna ra ra 30\n"
	"153 anna provision com.example.canteen canteen 7\n"
	"153 anna build com.example.canteen 7\n"
	"166 anna ra ra 14\n"			/* then another was made */
	"180 mia own o-mia 60\n"
	"202 anna own 2027-09-20 60\n"	/* no mail reaches nils: his week, which begins on the day that his ends */
	"210 mia own o-mia 30\n"
	"220 anna signature com.example.stock cert-stock-7 60\n"	/* what phones hold, of whatever build ... */
	"220 paul signature com.example.stock cert-stock-7 60\n"
	"220 anna distribution cert-stock-7 60\n"	/* ... and the certificate itself */
	"220 paul distribution cert-stock-7 60\n"
	"226 mia own o-mia 14\n"		/* then she installed it again */
	"232 anna own 2027-09-20 30\n"
	"240 anna provision com.example.field field 60\n"	/* once, though there is another build each night */
	"240 anna build com.example.field 60\n"
	"248 anna own 2027-09-20 14\n"
	"250 anna signature com.example.stock cert-stock-7 30\n"
	"250 paul signature com.example.stock cert-stock-7 30\n"
	"250 anna distribution cert-stock-7 30\n"
	"250 paul distribution cert-stock-7 30\n"
	"255 anna own 2027-09-20 7\n"
	"261 anna own 2027-09-20 1\n"
	"270 anna provision com.example.field field 30\n"
	"270 anna build com.example.field 30\n"
	"286 anna provision com.example.field field 14\n";	/* the builds have a newer one; one phone lags behind */

/* Subjects that are another each time. */
static bool
made_up(const char *kind)
{
	static const char *const kinds[] = { "tls_ca", "trusted_ca", "ca", "ca_before", "token", "rest" };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

/* What was told today, in the words of the list. */
static bool
note(struct story *w, int today, struct buf *out)
{
	struct rows *rows = db_query(w->ctx, w->db, "SELECT p.name, n.kind, n.subject, n.days FROM ending_notice n JOIN person p"
				     " ON p.id = n.person_id WHERE n.at >= $1 ORDER BY n.ends, n.kind DESC, p.name, n.subject",
				     db_int(STORY_BEGIN + today * DAY_S));
	size_t before = out->len;
	enum rows_step step;
	struct err err;

	while ((step = rows_next(rows, &err)) == ROWS_ROW) {
		const char *kind = rows_text(w->ctx, rows, 1), *subject = rows_text(w->ctx, rows, 2);

		buf_addf(out, "%d %s %s %s %d\n", today, rows_text(w->ctx, rows, 0), kind, made_up(kind) ? "apart" : subject,
			 (int)rows_int(rows, 3));
	}
	assert_int_equal(step, ROWS_END);
	return out->len > before;
}

static size_t
lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Day by day; what was told, in the words of the lists. */
static const char *
year(struct story *w, void (*today_happens)(struct story *, const void *, int), const void *arg)
{
	struct err err = { 0 };
	struct buf told;

	buf_init(&told, w->ctx, 64u << 10);
	for (int today = 0; today <= 365; today++) {
		story_day(w, today);
		today_happens(w, arg, today);
		assert_ok(endings_sweep(w->site, NULL, &err), &err);
		if (note(w, today, &told)) {
			struct buf again;

			buf_init(&again, w->ctx, 4096);
			note(w, today, &again);
			assert_ok(endings_sweep(w->site, NULL, &err), &err);	/* the job came twice */
			assert_int_equal(story_number(w, mem_printf(w->ctx, "SELECT count(*) FROM ending_notice WHERE at >= %lld",
						      (long long)(STORY_BEGIN + today * DAY_S))), (int)lines_of(buf_str(&again)));
		}
	}
	assert_int_equal(story_number(w, "SELECT count(*) FROM ending_notice n WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = n.message_id)"), 0);
	assert_int_equal(story_number(w, "SELECT count(*) FROM message"),
			 story_number(w, "SELECT count(*) FROM (SELECT DISTINCT recipient, created FROM message) AS m"));
	return buf_str(&told);
}

static void
behaviour_11_a_year_of_the_real_sources_brings_exactly_the_notices_that_should_go(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	struct files files = files_of(&w);

	begin(&w, &files);
	assert_string_equal(year(&w, happens, &files), expected);
}

/* ---- the same year in a house whose own CA signs, behind a proxy ---- */

#define IN_FRONT	"https://apps.example.com"
#define FOR_DEVICES	"https://devices.example.com"
#define BIND_DN		"cn=pomona,dc=example,dc=com"

/* What another system said: a handshake, the directory. */
static void
heard(struct story *w, const char *kind, const char *subject, int begins, int ends)
{
	struct ending_known known = { subject, subject, noon_of(ends), begins ? noon_of(begins) : 0 };
	struct err err;

	assert_ok(ending_know(w->db, kind, &known, &err), &err);
}

static void
signs(struct story *w)
{
	struct err err;

	assert_ok(signing_keep(w->site, &err), &err);
}

/* Comes by the proxy's word alone, and has a token. */
static void
comes_by_the_proxy(struct story *w, int day)
{
	story_run(w, "UPDATE person SET source = 'proxy', confirmed = $1 WHERE name = 'rita'", db_int(STORY_BEGIN + day * DAY_S));
}

static void
begin_behind(struct story *w, const char *trusted)
{
	struct conf *conf = mem_copy(w->ctx, site_conf(w->site), sizeof *conf);
	struct token_wish wish = { "CI", "upload", NULL, 300 };
	struct err err;
	struct bytes out;
	char *token;

	conf->mdm_base_url = FOR_DEVICES;
	conf->scep_external_ca_file = trusted;
	conf->ldap_bind_dn = BIND_DN;
	w->site->conf = conf;
	in_file(w, trusted, made(w, "Other CA", -1000, 190));
	in_authority(w, "ca", ROLE_OF_CA, made(w, "Long Ago", -1000, 3000));	/* what story_device's devices show */
	story_run(w, "UPDATE authority SET retired = 5");
	story_day(w, -3480);	/* ten years, so until 170 */
	w->site->ca = test_ca(w->ctx, w->db);
	story_day(w, -300);	/* what it signs with, for a year */
	assert_ok(signing_sign(w->ctx, w->site, (struct bytes){ "<plist/>", 8 }, &out, &err), &err);
	story_day(w, 0);
	story_human(w, "anna", ROLE_ADMIN, "anna@example.com");
	assert_ok(token_new(w->ctx, w->db, "test", story_human(w, "paul", ROLE_PUBLISHER, "paul@example.com"), &wish, &token, &err), &err);
	wish.days = 0;
	assert_ok(token_new(w->ctx, w->db, "test", story_human(w, "rita", ROLE_PUBLISHER, "rita@example.com"), &wish, &token, &err), &err);
	comes_by_the_proxy(w, 0);
	story_run(w, "INSERT INTO push_certificate (id, topic, state, sealed_key, not_after, created, changed)"
		  " VALUES ('p', 'com.apple.mgmt.External.1', 'current', $1, $2, 1, 1)", db_bytes((struct bytes){ "x", 1 }), db_int(noon_of(90)));
	heard(w, "tls", IN_FRONT, 10, 100);
	heard(w, "tls_devices", FOR_DEVICES, -65, 300);
	heard(w, "directory_password", BIND_DN, 0, 250);
	story_device(w, "d1", "i1", noon_of(300), STORY_BEGIN);		/* was never heard of again */
	story_device(w, "d2", "i2", noon_of(301), STORY_BEGIN + 5000LL * DAY_S);	/* speaks up: renews itself */
}

/* Another CA takes over; a phone still shows what the one before gave it. */
static void
succeeds(struct story *w)
{
	struct ca_make_wish wish = { .name = "Example", .base_url = TEST_CA_URL };
	struct ca_made next;
	struct err err;

	assert_ok(ca_make_look(w->db, &wish, &err), &err);
	assert_ok(ca_make_single(w->ctx, test_sealer(w->ctx), &wish, &next, &err), &err);
	assert_ok(ca_make_keep(w->db, "cli", "ca.renew", &wish, &next, &err), &err);
	story_run(w, "INSERT INTO certificate (sha256, serial, authority_id, purpose, subject, key_sha256, der, not_before, not_after, issued, turn)"
		  " SELECT 'old', 'old', a.id, 'mdm', 'old', 'old', $1, 1, $2, 1, (SELECT max(turn) + 1 FROM certificate) FROM authority a"
		  " WHERE a.role = 'ca' AND a.retired > 5", db_bytes((struct bytes){ "x", 1 }), db_int(noon_of(900)));
}

/* The company's root, and the next CA under it, which is to take over. */
static void
under_root(struct story *w)
{
	struct x509_made root, below;
	struct err err;

	story_day(w, -3000);
	assert_ok(x509_make(w->ctx, "Example Root", "", 3230, NULL, &root, &err), &err);
	story_day(w, 150);
	assert_ok(x509_make(w->ctx, "Example Next", "", 2000, &root, &below, &err), &err);
	in_authority(w, "root", ROLE_OF_ABOVE, root.cert_pem);
	in_authority(w, "next", ROLE_OF_CA, below.cert_pem);
}

static void
happens_behind(struct story *w, const void *trusted_file, int today)
{
	const char *trusted = trusted_file;

	switch (today) {
	case 20:	comes_by_the_proxy(w, 20); break;	/* not told of what would have been 30 */
	case 55:	comes_by_the_proxy(w, 55); break;	/* it had rested for five days */
	case 79:	story_run(w, "DELETE FROM token WHERE person_id = (SELECT id FROM person WHERE name = 'rita')"); break;
	case 60:	signs(w); break;	/* the job of each day had failed until now */
	case 75:	heard(w, "tls", IN_FRONT, 75, 165); break;	/* the proxy has renewed its own */
	case 80:	story_run(w, "UPDATE push_certificate SET not_after = $1", db_int(noon_of(445))); break;
	case 136:	heard(w, "tls", IN_FRONT, 136, 600); break;
	case 145:	succeeds(w); signs(w); break;
	case 150:	under_root(w); break;
	case 161:	in_file(w, trusted, made(w, "Other CA", 161, 900)); break;
	case 165:	story_run(w, "UPDATE certificate SET revoked = 5 WHERE sha256 = 'old'"); break;	/* the phone has another one */
	case 205:	story_run(w, "UPDATE authority SET retired = 5 WHERE id = 'next'"); break;
	case 230:	heard(w, "directory_password", BIND_DN, 0, 330); break;
	case 271:	heard(w, "tls_devices", FOR_DEVICES, 271, 900); break;
	case 280:	story_device(w, "d1", "i1b", noon_of(700), 0); break;	/* comes back */
	case 281:	story_device(w, "d2", "i2b", noon_of(700), 0); break;	/* and this one has renewed at last */
	case 290:	story_run(w, "DELETE FROM token"); break;
	default:	return;
	}
	story_day(w, today);
}

/* As above; of authorities the subject is a number that is made there. */
static const char expected_behind[] =
	"30 anna push com.apple.mgmt.External.1 60\n"
	"43 rita rest apart 7\n"	/* on day 50 nobody had said for a month that it is her */
	"49 rita rest apart 1\n"
	"51 anna signing_own signing_own 14\n"	/* sees to itself, and nobody is told before that */
	"58 anna signing_own signing_own 7\n"
	"60 anna push com.apple.mgmt.External.1 30\n"
	"70 anna tls server.base_url 30\n"	/* it lives for 90 days: no 60 */
	"76 anna push com.apple.mgmt.External.1 14\n"	/* then it was renewed */
	"78 rita rest apart 7\n"	/* then she had nothing left that would */
	"110 anna ca apart 60\n"
	"130 anna trusted_ca apart 60\n"
	"135 anna tls server.base_url 30\n"
	"140 anna ca apart 30\n"
	"145 anna ca_before apart 30\n"	/* it was succeeded, and is still shown */
	"156 anna ca_before apart 14\n"
	"160 anna trusted_ca apart 30\n"
	"163 anna ca_before apart 7\n"
	"170 anna ca_above root 60\n"
	"190 anna directory_password cn=pomona,dc=example,dc=com 60\n"
	"200 anna ca_above root 30\n"
	"220 anna directory_password cn=pomona,dc=example,dc=com 30\n"
	"237 anna identities 2027-10-25 60\n"	/* its week begins on day 297 */
	"240 paul token apart 60\n"
	"240 anna tls mdm.base_url 60\n"
	"267 anna identities 2027-10-25 30\n"
	"270 paul token apart 30\n"
	"270 anna tls mdm.base_url 30\n"
	"270 anna directory_password cn=pomona,dc=example,dc=com 60\n"	/* the new one */
	"286 paul token apart 14\n"
	"300 anna directory_password cn=pomona,dc=example,dc=com 30\n"
	"316 anna directory_password cn=pomona,dc=example,dc=com 14\n"
	"323 anna directory_password cn=pomona,dc=example,dc=com 7\n"
	"329 anna directory_password cn=pomona,dc=example,dc=com 1\n";

static void
behaviour_11_a_year_behind_a_proxy_with_our_own_ca_brings_exactly_the_notices_that_should_go(void **state)
{
	struct story w = story_begin(*state, STORY_MAIL);
	const char *trusted = mem_printf(w.ctx, "%s/trusted.pem", w.house.dir);

	begin_behind(&w, trusted);
	assert_string_equal(year(&w, happens_behind, trusted), expected_behind);
}

/* ---- no kind is forgotten ---- */

/* A new row of web/endings.c wants its source in one of these years, and its line here. */
static void
each_source_of_the_watch_is_in_one_of_these_years(void **state)
{
	static const struct { ending_list *list; const char *says; } in_years[] = {
		{ ending_provisions, " provision " }, { ending_signatures, " signature " }, { ending_builds, " build " },
		{ ending_distribution, " distribution " }, { ending_push, " push " }, { ending_ca, " ca " },
		{ ending_ca_above, " ca_above " }, { ending_ca_before, " ca_before " }, { ending_ra, " ra " },
		{ ending_trusted_ca, " trusted_ca " }, { ending_tls, " tls server.tls_cert " },
		{ ending_tls_in_front, " tls server.base_url " }, { ending_tls_devices, " tls mdm.base_url " },
		{ ending_tls_ca, " tls_ca " }, { ending_signing, " signing " }, { ending_signing_own, " signing_own " },
		{ ending_identities, " identities " }, { ending_directory_certificate, " directory_certificate " },
		{ ending_directory_password, " directory_password " }, { ending_own, " own " }, { ending_tokens, " token " },
		{ ending_rest, " rest " },
	};
	const size_t n = sizeof in_years / sizeof *in_years;

	(void)state;
	for (const struct ending_source *source = ending_sources; source->kind; source++) {
		size_t i = 0;

		while (i < n && in_years[i].list != source->list)
			i++;
		if (i == n || strncmp(in_years[i].says + 1, source->kind, strlen(source->kind)) != 0 ||
		    (!strstr(expected, in_years[i].says) && !strstr(expected_behind, in_years[i].says)))
			fail_msg("a source of %s is in no year", source->kind);
	}
}

TESTS(behaviour_11_a_year_of_the_real_sources_brings_exactly_the_notices_that_should_go,
      behaviour_11_a_year_behind_a_proxy_with_our_own_ca_brings_exactly_the_notices_that_should_go,
      each_source_of_the_watch_is_in_one_of_these_years)
