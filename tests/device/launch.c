/*
 * What would launch on this phone: an app, and each extension and watch app in it, wants a provision on the list that
 * is valid today by the phone's own clock (--clock), is for its application id, and names the certificate that signed it,
 * and that certificate has not ended either: a provision that is sent alone does not help then.
 *
 * Only apps are judged that say what is in them: Bundles[] {AppID, Certificate (its DER)}, as --holds gives them; and
 * of provisions Certificates[].  iOS judges by more (entitlements, team); by less never.
 */
#include <string.h>
#include "core/clock.h"
#include "core/x509.h"
#include "tests/device/world.h"

#define PLIST_EPOCH	978307200	/* 2001, from which property lists count */

/* "TEAM.com.example.*" is for all that begin so. */
static bool
is_for(const char *pattern, const char *app_id)
{
	size_t len = pattern ? strlen(pattern) : 0;

	if (len && pattern[len - 1] == '*')
		return strncmp(pattern, app_id, len - 1) == 0;
	return len && strcmp(pattern, app_id) == 0;
}

static bool
names(plist_t provision, struct bytes certificate)
{
	plist_t list = tree_at(provision, "Certificates", PLIST_ARRAY);

	for (uint32_t i = 0; list && i < plist_array_get_size(list); i++) {
		uint64_t len = 0;
		const char *der = plist_get_data_ptr(plist_array_get_item(list, i), &len);

		if (der && len == certificate.len && memcmp(der, certificate.p, len) == 0)
			return true;
	}
	return false;
}

static int64_t
end_of(plist_t provision)
{
	plist_t date = tree_at(provision, "ExpiryDate", PLIST_DATE);
	int32_t s = 0, us = 0;

	if (date)
		plist_get_date_val(date, &s, &us);
	return date ? s + (int64_t)PLIST_EPOCH : 0;
}

static int64_t
certificate_end(struct bytes der)
{
	const unsigned char *p = der.p;
	SCOPED(x509) X509 *cert = d2i_X509(NULL, &p, (long)der.len);
	struct tm tm;

	if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		phone_die("an app's certificate is none");
	return timegm(&tm);
}

/* Until when it launches by what is listed; 0: nothing listed is for it. */
static int64_t
runs_until(const struct handset *h, plist_t bundle)
{
	plist_t list = tree_at(h->state, "Provisions", PLIST_ARRAY);
	const char *app_id = tree_must_text(bundle, "AppID", "a bundle");
	struct bytes certificate = tree_data(bundle, "Certificate");
	int64_t ret = 0, last = certificate_end(certificate);

	for (uint32_t i = 0; i < plist_array_get_size(list); i++) {
		plist_t provision = plist_array_get_item(list, i);
		int64_t ends = end_of(provision);

		if (ends > ret && is_for(tree_text(provision, "AppID"), app_id) && names(provision, certificate))
			ret = ends;
	}
	return ret < last ? ret : last;
}

typedef void bundle_fn(const struct world *world, const struct handset *h, plist_t bundle);

static void
each_bundle(const struct world *world, const struct handset *h, bundle_fn *fn)
{
	plist_t apps = tree_at(h->state, "Apps", PLIST_ARRAY);

	for (uint32_t i = 0; i < plist_array_get_size(apps); i++) {
		plist_t bundles = tree_at(plist_array_get_item(apps, i), "Bundles", PLIST_ARRAY);

		for (uint32_t k = 0; bundles && k < plist_array_get_size(bundles); k++)
			fn(world, h, plist_array_get_item(bundles, k));
	}
}

static void
judge(const struct world *world, const struct handset *h, plist_t bundle)
{
	if (runs_until(h, bundle) <= clock_now())
		ledger(world, h, "stops %s", tree_text(bundle, "AppID"));
}

void
launches(const struct world *world, const struct handset *h)
{
	each_bundle(world, h, judge);
}

/* A day that came nearer by a removal is lost, and never mind that it is not today. */
static void
compare(const struct world *world, const struct handset *h, plist_t bundle)
{
	if (runs_until(h, bundle) < tree_int(bundle, "Until", 0))
		ledger(world, h, "loses %s", tree_text(bundle, "AppID"));
}

static void
remember(const struct world *world, const struct handset *h, plist_t bundle)
{
	(void)world;
	tree_put_int(bundle, "Until", runs_until(h, bundle));
}

void
launches_after_removal(const struct world *world, const struct handset *h, uint32_t index)
{
	each_bundle(world, h, remember);
	plist_array_remove_item(tree_at(h->state, "Provisions", PLIST_ARRAY), index);
	each_bundle(world, h, compare);
	launches(world, h);
}
