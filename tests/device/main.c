/*
 * device - the simulated iPhone, against a server.
 *
 *	device ca DIR			makes the Apple of the tests: DIR/root.pem is for apple.extra_device_roots
 *	device register URL --ca DIR	registers by the link URL, as Safari, Settings and iOS would
 *	device answers			the kinds of answers that --answer takes
 *	device enroll URL|FILE ...	one phone's way into management, by the Profile Service or directly
 *	device eas URL|FILE ...		a person's own mobileconfig, by the Profile Service or as it is
 *	device remove IDENTIFIER ...	a mobileconfig is taken off in Settings
 *	device key NUMBER		a key that phones have
 *	device fleet ...		many phones, enrolled or enrolling, that do what they are told
 *	device scep URL ...		one certificate, as iOS gets it
 *	device show DIR NUMBER		what is on a phone of a state directory
 *	device load ...			the load generator
 *	device apns DIR			a fake of Apple's push service (apns.h)
 */
#include <argp.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include "tests/device/device.h"

const char *argp_program_version = "device " POMONA_VERSION;

static int
cmd_ca(int argc, char **argv)
{
	SCOPED(mem) void *ctx = talloc_new(NULL);

	if (argc != 2)
		phone_die("device ca DIR");
	phone_ca_open(ctx, argv[1]);
	return 0;
}

static int
cmd_answers(int argc, char **argv)
{
	static const char *const whats[] = {
#define X(id, name, what) what,
		PHONE_ANSWERS(X)
#undef X
	};

	(void)argc;
	(void)argv;
	for (int i = 0; phone_answer_names[i]; i++)
		printf("%-16s%s\n", phone_answer_names[i], whats[i]);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "ca", cmd_ca }, { "register", cmd_register }, { "answers", cmd_answers }, { "enroll", cmd_enroll },
	{ "eas", cmd_eas }, { "remove", cmd_remove }, { "key", cmd_key },
	{ "fleet", cmd_fleet }, { "scep", cmd_scep }, { "show", cmd_show }, { "load", cmd_load },
	{ "apns", cmd_apns }, { "apns-tell", cmd_apns_tell }, { "apns-cert", cmd_apns_cert },
};

int
main(int argc, char **argv)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fputs("device ca | register | answers | enroll | eas | remove | key | fleet | scep | show | load | apns | apns-tell | apns-cert\n", stderr);
	return 2;
}
