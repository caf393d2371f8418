/*
 * The certificate that phones see: behind a proxy it is in no file of ours, and one in front may show another than ours.
 * So it is looked at where phones come to, by a handshake, and kept as what another system said.
 */
#include "core/clock.h"
#include "core/fetch.h"
#include "core/file.h"
#include "core/x509.h"
#include "web/ending_sources.h"
#include <string.h>

#define PEM_FILE_MAX	(256u << 10)

/* Where phones come to: devices may have an address of their own. */
struct door {
	const char *kind;	/* of what is known */
	const char *subject;	/* the setting */
	const char *url;	/* "": none */
};

struct doors {
	struct door all[2];
};

static struct doors
doors_of(struct site *site)
{
	const char *devices = site_conf(site)->mdm_base_url;
	bool looks = site_conf(site)->expiry_look;

	return (struct doors){ { { "tls", "server.base_url", looks ? site->base_url : "" },
				 { "tls_devices", "mdm.base_url", !looks || strcmp(devices, site->base_url) == 0 ? "" : devices } } };
}

static bool
add_door(TALLOC_CTX *ctx, struct site *site, const struct door *door, time_t until, ending_add *add, void *arg, struct err *err)
{
	struct ending_known *known;
	struct ending ending = { .subject = door->subject, .devices = -1, .people = -1, .doing = "in_front" };

	if (!ending_knows(ctx, site->db, door->kind, &known, err))
		return false;
	if (!known || strcmp(known->subject, door->url) != 0)
		return true;
	if (!known->ends)
		return err_set(err, ERR_UPSTREAM, "%s: %s", known->subject, known->name);
	if (known->ends >= until || known->ends <= clock_now() - ENDING_PAST_S)
		return true;
	ending.name = *known->name ? known->name : NULL;
	ending.ends = known->ends;
	ending.begins = known->begins;
	return add(arg, &ending) || err_set(err, ERR_LIMIT, "more than %d things end", ENDINGS_MAX);
}

bool
ending_tls_in_front(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	struct doors doors = doors_of(site);

	return add_door(ctx, site, &doors.all[0], until, add, arg, err);
}

bool
ending_tls_devices(TALLOC_CTX *ctx, struct site *site, time_t until, ending_add *add, void *arg, struct err *err)
{
	struct doors doors = doors_of(site);

	return add_door(ctx, site, &doors.all[1], until, add, arg, err);
}

/* Nothing stands in front: it is the one of our own file, which is read itself. */
static bool
is_ours(TALLOC_CTX *ctx, const struct conf *conf, X509 *shown)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	struct bytes pem;
	struct err none;

	return !conf->server_plain && *conf->server_tls_cert && file_read(ctx, conf->server_tls_cert, PEM_FILE_MAX, &pem, &none) &&
	       x509_read_pem(pem, &certs, &none) && X509_cmp(sk_X509_value(certs, 0), shown) == 0;
}

static bool
keep(TALLOC_CTX *ctx, struct site *site, const struct door *door, struct bytes pem, struct err *err)
{
	SCOPED(x509_stack) STACK_OF(X509) *certs = NULL;
	struct ending_known known = { .subject = door->url };
	X509 *first;

	if (!x509_read_pem(pem, &certs, err))
		return false;
	if (is_ours(ctx, site_conf(site), sk_X509_value(certs, 0)))
		return ending_know(site->db, door->kind, NULL, err);
	first = x509_first_to_end(certs);
	if (!first || !x509_expires(first, &known.ends))
		return err_set(err, ERR_UPSTREAM, "its end cannot be read");
	known.name = x509_subject_cn(ctx, first);
	known.begins = x509_begins(first);
	return ending_know(site->db, door->kind, &known, err);
}

/* Behind a proxy it is nowhere else, so that nobody has seen it is something to say.  Else the file is watched. */
static bool
keep_why(TALLOC_CTX *ctx, struct site *site, const struct door *door, const struct err *why, struct err *err)
{
	struct ending_known *before, known;
	char text[520];

	if (!ending_knows(ctx, site->db, door->kind, &before, err))
		return false;
	if (before && before->ends && strcmp(before->subject, door->url) == 0)
		return true;
	known = (struct ending_known){ door->url, err_text(why, text, sizeof text), 0, 0 };
	return ending_know(site->db, door->kind, site_conf(site)->server_plain ? &known : NULL, err);
}

static bool
look(struct site *site, const struct door *door, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	const struct fetch f = { .url = door->url, .rules = { .configured = true, .allow = site_conf(site)->egress_allow } };
	struct bytes pem;
	struct err other;

	if (strncmp(door->url, "https://", 8) != 0)
		return ending_know(site->db, door->kind, NULL, err);
	if (fetch_certificates(ctx, &f, &pem, err) && keep(ctx, site, door, pem, err))
		return true;
	if (!keep_why(ctx, site, door, err, &other))
		*err = other;
	return err_at(err, "%s", door->subject);
}

bool
ending_look_in_front(struct site *site, struct err *err)
{
	struct doors doors = doors_of(site);
	bool ok = true;

	for (size_t i = 0; i < sizeof doors.all / sizeof *doors.all; i++) {
		struct err why = { 0 };

		if (!look(site, &doors.all[i], &why))
			ok = (*err = why, false);
	}
	return ok;
}
