/* Settings: read from file and environment, and every mistake named with its place. */
#include "tests/check.h"
#include "core/conf.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char *
conf_file(TALLOC_CTX *ctx, const char *text)
{
	const char *path = mem_printf(ctx, "%s/pomona.conf", test_dir(ctx));
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	return path;
}

static void
a_file_replaces_defaults_and_the_environment_replaces_both(void **state)
{
	struct err err = { 0 };
	struct conf *conf;
	const char *path = conf_file(*state, "upload { max_mb = 7 }\nserver { listen = \"[::1]:1\" plain = yes }\n");

	setenv("POMONA__UPLOAD__PARALLEL_MAX", "9", 1);
	setenv("POMONA__METRICS__TOKEN__FILE", conf_file(*state, "s3cret\n"), 1);
	assert_ok(conf_read(*state, path, &conf, &err), &err);
	unsetenv("POMONA__UPLOAD__PARALLEL_MAX");
	unsetenv("POMONA__METRICS__TOKEN__FILE");
	assert_int_equal(conf->upload_max_mb, 7);
	assert_int_equal(conf->upload_parallel_max, 9);
	assert_int_equal(conf->retention_keep_builds, 0);
	assert_string_equal(conf->server_listen, "[::1]:1");
	assert_true(conf->server_plain);
	assert_string_equal(conf->metrics_token, "s3cret");
	assert_string_equal(conf->seams, "");
}

static void
a_mistake_is_named_with_file_and_line(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "upload { max_mb = 7 }\nupload { maxmb = 7 }\n", ":2: no such option 'maxmb'; did you mean upload { max_mb }?" },
		{ "uplaod { max_mb = 7 }\n", "did you mean upload" },
		{ "\n\nupload { max_mb = 0 }\n", ":3: upload.max_mb is 0, not between 1 and 1048576" },
		{ "upload { max_mb = many }\n", ":1: " },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = { 0 };
		struct conf *conf;

		assert_false(conf_read(*state, conf_file(*state, cases[i].text), &conf, &err));
		if (!strstr(err.cause, cases[i].says))
			fail_msg("\"%s\" does not say \"%s\"", err.cause, cases[i].says);
	}
}

static void
a_variable_that_is_no_setting_is_refused(void **state)
{
	struct err err = { 0 };
	struct conf *conf;

	setenv("POMONA__UPLOAD__MAXMB", "9", 1);
	assert_false(conf_read(*state, NULL, &conf, &err));
	unsetenv("POMONA__UPLOAD__MAXMB");
	assert_non_null(strstr(err.cause, "POMONA__UPLOAD__MAXMB is no setting"));
}

static void
rereading_changes_only_what_may_change_while_running(void **state)
{
	struct err err = { 0 };
	struct conf *conf, *again;
	const char *path = conf_file(*state, "upload { max_mb = 7 }\nserver { workers = 3 }\n");
	int fd;

	assert_ok(conf_read(*state, path, &conf, &err), &err);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "upload { max_mb = 8 }\nserver { workers = 5 }\n", 45), 45);
	close(fd);
	assert_ok(conf_reread(*state, conf, &again, &err), &err);
	assert_int_equal(again->upload_max_mb, 8);
	assert_int_equal(again->server_workers, 3);
}

static void
only_values_that_are_for_tests_are_warned_of(void **state)
{
	static const struct {
		const char *text, *seams;
	} cases[] = {
		{ "egress { allow = \"10.0.0.0/8\" }\n", "" },
		{ "egress { allow = \"127.0.0.1\" }\n", "egress.allow" },
		{ "sms { driver = kannel\n url = \"http://10.0.0.5:13013/cgi-bin/sendsms\" }\n", "" },
		{ "sms { driver = twilio }\n", "" },
		{ "sms { driver = twilio\n url = \"http://127.0.0.1:1\" }\n", "sms.url" },
		{ "clock { file = /nowhere }\negress { allow = \"::1\" }\n", "clock.file egress.allow" },
	};
	struct err err = { 0 };
	struct conf *conf;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_ok(conf_read(*state, conf_file(*state, cases[i].text), &conf, &err), &err);
		assert_string_equal(conf->seams, cases[i].seams);
	}
	assert_false(conf_read(*state, conf_file(*state, "egress { allow = \"inside\" }\n"), &conf, &err));
	assert_string_equal(err.path, "egress.allow");
}

/* Where a section begins anew, what stands there would not be known. */
static void
the_settings_of_a_section_stand_together(void **state)
{
#define ROW(section, ...) #section,
	static const char *const sections[] = { CONF_TABLE(ROW, ROW, ROW) };

	(void)state;
	for (size_t i = 1; i < sizeof sections / sizeof *sections; i++)
		for (size_t before = 0; strcmp(sections[i], sections[i - 1]) != 0 && before < i; before++)
			if (strcmp(sections[before], sections[i]) == 0)
				fail_msg("the section %s stands twice", sections[i]);
}

TESTS(a_file_replaces_defaults_and_the_environment_replaces_both, a_mistake_is_named_with_file_and_line,
      a_variable_that_is_no_setting_is_refused, rereading_changes_only_what_may_change_while_running,
      only_values_that_are_for_tests_are_warned_of,
      the_settings_of_a_section_stand_together)
