/* Which provision may stand in for which. */
#include "tests/check.h"
#include "ipa/fit.h"
#include <jansson.h>

#define CERT	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define OWN(more) "{\"uuid\":\"own\",\"kind\":\"enterprise\",\"signature\":\"apple\",\"app_id\":\"TEAM.com.example.app\"," \
	"\"expires\":\"2026-12-31T00:00:00Z\",\"certificates\":[{\"sha1\":\"" CERT "\"}],\"entitlements\":{\"application-identifier\":" \
	"\"TEAM.com.example.app\",\"get-task-allow\":false,\"groups\":[\"TEAM.a\",\"TEAM.b\"]}" more "}"

static void
must_65_a_provision_fits_by_app_id_certificate_and_entitlements_or_it_is_said_what_does_not(void **state)
{
	static const struct {
		const char *change;	/* merged into a newer provision that fits */
		const char *certificate, *claims;
		enum fit_verdict verdict;
		const char *detail;
	} cases[] = {
		{ "{}", CERT, NULL, FIT_YES, "" },
		{ "{}", "", NULL, FIT_YES, "" },
		{ "{\"kind\":\"adhoc\"}", CERT, NULL, FIT_YES, "" },
		{ "{\"kind\":\"store\"}", CERT, NULL, FIT_STORE, "" },
		{ "{\"signature\":\"other\"}", CERT, NULL, FIT_SIGNATURE, "" },
		{ "{\"signature\":\"invalid\"}", CERT, NULL, FIT_SIGNATURE, "" },
		{ "{\"signature\":\"other:test\"}", CERT, NULL, FIT_YES, "" },
		{ "{\"app_id\":\"TEAM.com.example.*\"}", CERT, NULL, FIT_YES, "" },
		{ "{\"app_id\":\"TEAM.*\"}", CERT, NULL, FIT_YES, "" },
		{ "{\"app_id\":\"TEAM.com.example.ap\"}", CERT, NULL, FIT_APP_ID, "" },
		{ "{\"app_id\":\"TEAM.com.example.app.share\"}", CERT, NULL, FIT_APP_ID, "" },
		{ "{\"app_id\":\"OTHER.com.example.app\"}", CERT, NULL, FIT_APP_ID, "" },
		{ "{\"certificates\":[{\"sha1\":\"bb\"}]}", CERT, NULL, FIT_CERTIFICATE, "" },
		{ "{\"certificates\":[{\"sha1\":\"bb\"}]}", "", NULL, FIT_CERTIFICATE, "" },
		{ "{\"certificates\":[{\"sha1\":\"bb\"},{\"sha1\":\"" CERT "\"}]}", CERT, NULL, FIT_YES, "" },
		{ "{}", "bb", NULL, FIT_CERTIFICATE, "" },
		{ "{\"expires\":\"2026-12-30T00:00:00Z\"}", CERT, NULL, FIT_ENDED, "" },
		{ "{\"entitlements\":{\"groups\":[\"TEAM.*\"],\"application-identifier\":\"TEAM.*\"}}", CERT, NULL, FIT_YES, "" },
		{ "{\"entitlements\":{\"groups\":[\"TEAM.a\"],\"application-identifier\":\"TEAM.*\"}}", CERT, NULL, FIT_ENTITLEMENT, "groups" },
		{ "{\"entitlements\":{}}", CERT, "{\"aps\":\"production\"}", FIT_ENTITLEMENT, "aps" },
		{ "{\"entitlements\":{\"aps\":\"development\"}}", CERT, "{\"aps\":\"production\"}", FIT_ENTITLEMENT, "aps" },
		{ "{\"entitlements\":{\"aps\":\"production\"}}", CERT, "{\"aps\":\"production\"}", FIT_YES, "" },
		{ "{\"entitlements\":{}}", CERT, "{\"debug\":false,\"list\":[]}", FIT_YES, "" },
		{ "{\"entitlements\":{\"debug\":false}}", CERT, "{\"debug\":true}", FIT_ENTITLEMENT, "debug" },
		{ "{\"entitlements\":{\"domains\":\"*\"}}", CERT, "{\"domains\":[\"applinks:example.com\"]}", FIT_YES, "" },
		{ "{\"entitlements\":{\"n\":1}}", CERT, "{\"n\":2}", FIT_ENTITLEMENT, "n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *own = json_loads(OWN(""), 0, NULL), *newer = json_deep_copy(own), *change = json_loads(cases[i].change, 0, NULL);
		json_t *claims = cases[i].claims ? json_loads(cases[i].claims, 0, NULL) : NULL;
		const struct fit_bundle bundle = { "com.example.app", cases[i].certificate, claims, own };
		char detail[FIT_DETAIL_MAX];
		enum fit_verdict v;

		json_object_set_new(newer, "uuid", json_string("newer"));
		json_object_set_new(newer, "expires", json_string("2027-12-31T00:00:00Z"));
		json_object_update(newer, change);
		v = fit(newer, &bundle, detail);
		if (v != cases[i].verdict || strcmp(detail, cases[i].detail) != 0)
			fail_msg("%s: %s %s", cases[i].change, fit_name(v), detail);
		assert_int_equal(fit(own, &bundle, NULL), strcmp(cases[i].certificate, "bb") == 0 ? FIT_CERTIFICATE :
				 cases[i].claims && cases[i].verdict == FIT_ENTITLEMENT ? FIT_ENTITLEMENT :
				 cases[i].claims && !strstr(cases[i].claims, "false") ? FIT_ENTITLEMENT : FIT_YES);
		json_decref(own);
		json_decref(newer);
		json_decref(change);
		json_decref(claims);
	}
	assert_int_equal(fit(NULL, &(struct fit_bundle){ "com.example.app", "", NULL, NULL }, NULL), FIT_UNKNOWN);
}

TESTS(must_65_a_provision_fits_by_app_id_certificate_and_entitlements_or_it_is_said_what_does_not)
