#include "mdm/refusals.h"
#include "core/audit.h"
#include "core/x509.h"
#include "mdm/checkin.h"
#include <pthread.h>
#include <string.h>

#define ACT	"enrollment.refused"

struct place {
	char identity[X509_FINGERPRINT_SIZE], object[X509_FINGERPRINT_SIZE];	/* of the shared one: "", and of the last that came */
	int64_t since, more;		/* since 0: free; more: that were not written */
	size_t n;
	char claims[REFUSALS_CLAIMS][X509_FINGERPRINT_SIZE + CHECKIN_UDID_SIZE];	/* identity, a space, UDID */
};

static struct place places[REFUSALS_IDENTITIES + 1];	/* the last is shared */
#define SHARED	(&places[REFUSALS_IDENTITIES])
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct row {
	char object[X509_FINGERPRINT_SIZE], detail[400];
};

static bool
tx_row(struct db *tx, void *arg, struct err *err)
{
	const struct row *row = arg;

	return audit_add(tx, "device", ACT, row->object, row->detail, err);
}

/* Under the lock. */
static void
close_place(struct db *db, struct place *p)
{
	char since[CLOCK_ISO_SIZE];
	struct row *row;

	if (p->more) {
		row = mem_new(NULL, struct row);
		snprintf(row->object, sizeof row->object, "%s", p->object);
		snprintf(row->detail, sizeof row->detail, "%lld more of %s from %s on, within %d minutes: not written one by one",
			 (long long)p->more, p == SHARED ? "several identities" : "it", clock_iso(p->since, since),
			 REFUSALS_S / 60);
		db_later(db, tx_row, row);
	}
	*p = (struct place){ .since = 0 };
}

static void
close_all(struct db *db)
{
	int64_t now = clock_now();

	for (struct place *p = places; p <= SHARED; p++)
		if (p->since && (now - p->since >= REFUSALS_S || now < p->since))
			close_place(db, p);
}

static struct place *
place_of(const char *identity)
{
	struct place *unused = SHARED;

	for (struct place *p = places; p < SHARED; p++)
		if (p->since && strcmp(p->identity, identity) == 0)
			return p;
		else if (!p->since && unused == SHARED)
			unused = p;
	if (!unused->since) {
		unused->since = clock_now();
		snprintf(unused->identity, sizeof unused->identity, "%s", unused == SHARED ? "" : identity);
	}
	return unused;
}

enum seen_before { NEW, NEW_AND_LAST, KNOWN };

static enum seen_before
claims(struct place *p, const char *identity, const char *claimed)
{
	char claim[sizeof p->claims[0]];

	snprintf(claim, sizeof claim, "%s %s", identity, claimed);
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->claims[i], claim) == 0)
			return KNOWN;
	if (p->n == REFUSALS_CLAIMS) {
		p->more++;
		return KNOWN;
	}
	memcpy(p->claims[p->n++], claim, sizeof claim);
	return p->n == REFUSALS_CLAIMS ? NEW_AND_LAST : NEW;
}

bool
refusals_note(struct db *db, const char *identity, const char *object, const char *claimed, const char *why)
{
	enum seen_before seen;
	struct place *p;
	struct row *row;

	pthread_mutex_lock(&lock);
	close_all(db);
	p = place_of(identity);
	snprintf(p->object, sizeof p->object, "%s", object);
	seen = claims(p, identity, claimed);
	pthread_mutex_unlock(&lock);
	if (seen == KNOWN)
		return false;
	row = mem_new(NULL, struct row);
	snprintf(row->object, sizeof row->object, "%s", object);
	snprintf(row->detail, sizeof row->detail, "it says to be %s: %s%s", claimed, why,
		 seen == NEW_AND_LAST ? "; what it claims besides in this hour is counted" : "");
	db_later(db, tx_row, row);
	return true;
}

void
refusals_sweep(struct db *db)
{
	pthread_mutex_lock(&lock);
	close_all(db);
	pthread_mutex_unlock(&lock);
}

void
refusals_forget(void)
{
	pthread_mutex_lock(&lock);
	memset(places, 0, sizeof places);
	pthread_mutex_unlock(&lock);
}
