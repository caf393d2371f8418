/* own.upn: which are one person's alone, and who lacks what they are made of. */
#include "tests/check_house.h"
#include "catalog/mobileconfig.h"
#include "catalog/person_attribute.h"
#include "web/own_upn.h"
#include <stdio.h>
#include <string.h>

static void
a_upn_is_of_one_person_alone_or_it_is_refused(void **state)
{
	static const struct { const char *upn; bool fits; } cases[] = {
		{ "%upn%", true }, { "%email%", true }, { "%username%@corp.example.com", true }, { "%Phone%@x", true },
		{ "%employeeNumber%@corp.example.com", true }, { "%department%.%username%@x", true },
		{ "", false }, { "admin@corp.example.com", false }, { "%%username%%@corp.example.com", false },
		{ "%serial%@x", false }, { "%udid%", false }, { "%full_name%@x", false }, { "%department%@corp", false },
		{ "%title%", false }, { "%Company%@x", false }, { "%serial%.%department%@x", false },
	};
	struct conf conf = { .own_identity = "scep" };
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		err = (struct err){ 0 };
		conf.own_upn = (char *)cases[i].upn;
		if (own_upn_fits(&conf, &err) != cases[i].fits)
			fail_msg("%s", cases[i].upn);
		if (!cases[i].fits) {
			assert_int_equal(err.kind, ERR_CONFLICT);
			assert_string_equal(err.code, "bad_upn");
			assert_non_null(strstr(err.cause, "own.upn"));
		}
	}
	conf.own_identity = "none";
	assert_true(own_upn_fits(&conf, &err));
}

static struct own_upn_lack
lack(TALLOC_CTX *ctx, struct house *h, const char *identity, const char *host, const char *upn)
{
	const struct conf conf = { .own_identity = (char *)identity, .eas_host = (char *)host, .own_upn = (char *)upn };
	struct own_upn_lack ret;
	struct err err;

	assert_ok(own_upn_lacking(ctx, h->db, NULL, &conf, &ret, &err), &err);
	return ret;
}

static void
knows(struct house *h, const struct person *who, const char *name, const char *value)
{
	json_t *change = json_pack("{s:s}", name, value);
	struct err err;

	assert_ok(person_attributes_change(h->db, "anna", who->id, change, &err), &err);
	json_decref(change);
}

static void
lackers(struct house *h, const char *variable, int64_t limit, const char *expected)
{
	char names[100] = "";
	json_t *list, *one;
	struct err err;
	size_t i;

	assert_ok(person_attribute_lackers(h->db, variable, limit, &list, &err), &err);
	json_array_foreach(list, i, one) {
		size_t len = strlen(names);

		snprintf(names + len, sizeof names - len, "%s ", json_string_value(json_object_get(one, "name")));
	}
	json_decref(list);
	assert_string_equal(names, expected);
}

static void
who_lacks_what_the_upn_is_made_of_is_counted(void **state)
{
	struct house h = house(*state);
	struct own_upn_lack l;

	sql(&h, "UPDATE person SET email = name || '@example.com'");
	l = lack(*state, &h, "scep", "mail.example.com", "%upn%");
	assert_string_equal(l.variable, "upn");
	assert_int_equal(l.lacking, 3);
	assert_int_equal(l.people, 3);
	knows(&h, h.mia, "userPrincipalName", "mia@corp.example.com");
	knows(&h, h.anna, "department", "IT");
	l = lack(*state, &h, "scep", "mail.example.com", "%upn%");
	assert_int_equal(l.lacking, 2);
	lackers(&h, "upn", 10, "anna paul ");
	lackers(&h, "UPN", 1, "anna ");
	lackers(&h, "department", 10, "mia paul ");
	lackers(&h, "email", 10, "");
	sql(&h, "UPDATE person SET disabled = TRUE WHERE name = 'paul'");	/* who may not come in lacks nothing */
	l = lack(*state, &h, "scep", "mail.example.com", "%upn%");
	assert_int_equal(l.lacking, 1);
	assert_int_equal(l.people, 2);
	assert_null(lack(*state, &h, "scep", "mail.example.com", "%email%").variable);
	assert_null(lack(*state, &h, "scep", "mail.example.com", "%username%.%serial%@x").variable);
	sql(&h, "UPDATE person SET email = '' WHERE name = 'mia'");
	l = lack(*state, &h, "pkcs12", "mail.example.com", "%username%.%Email%");
	assert_string_equal(l.variable, "Email");
	assert_int_equal(l.lacking, 1);
	knows(&h, h.mia, "email", "mia@example.org");
	assert_null(lack(*state, &h, "scep", "mail.example.com", "%email%").variable);
}

static void
keeps(TALLOC_CTX *ctx, struct house *h, const char *name, const char *purpose, const char *form)
{
	json_t *json = json_loads(form, 0, NULL);
	const struct mobileconfig_put put = {
		.actor = "anna", .name = name, .purpose = purpose, .person = "mia", .form = json, .base_url = "https://apps.example.com",
	};
	struct kept_mobileconfig *kept;
	struct err err;
	bool created;

	assert_non_null(json);
	assert_ok(mobileconfig_put(ctx, h->db, NULL, &put, &created, &kept, &err), &err);
	json_decref(json);
}

static void
nothing_is_said_where_no_certificate_is_made(void **state)
{
	static const char wifi[] = "{\"name\": \"Office\", \"payloads\": [{\"id\": \"wifi\", \"type\": \"com.apple.wifi.managed\","
		" \"keys\": {\"SSID_STR\": \"Example\", \"EncryptionType\": \"None\"}}]}";
	static const char scep[] = "{\"name\": \"Own\", \"payloads\": [{\"id\": \"identity\", \"type\": \"com.apple.security.scep\","
		" \"keys\": {\"PayloadContent\": {\"URL\": \"https://apps.example.com/scep\", \"Keysize\": 2048}}}]}";
	struct house h = house(*state);

	assert_null(lack(*state, &h, "scep", "", "%upn%").variable);
	assert_null(lack(*state, &h, "none", "mail.example.com", "%upn%").variable);
	keeps(*state, &h, "office", "own", wifi);
	keeps(*state, &h, "device", "device", scep);
	assert_null(lack(*state, &h, "scep", "", "%upn%").variable);
	keeps(*state, &h, "own", "own", scep);
	assert_string_equal(lack(*state, &h, "scep", "", "%upn%").variable, "upn");
	assert_null(lack(*state, &h, "none", "", "%upn%").variable);
	sql(&h, "UPDATE mobileconfig SET person_id = NULL WHERE name = 'own'");	/* for nobody yet */
	assert_null(lack(*state, &h, "scep", "", "%upn%").variable);
}

TESTS(a_upn_is_of_one_person_alone_or_it_is_refused, who_lacks_what_the_upn_is_made_of_is_counted,
      nothing_is_said_where_no_certificate_is_made)
