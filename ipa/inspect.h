#pragma once
/*
 * inspect - the facts of an uploaded file, read by a child that can do nothing else.
 *
 * inspect_child runs facts_read in a short-lived child of this same program: the file on
 * descriptor 0, the answer on a pipe, no network, no file system (seccomp), RLIMIT_AS and RLIMIT_CPU.  A child that dies is one refused
 * file.  Facts are the JSON of ipa/facts.h.
 *
 * Refusals are ERR_INVALID with the codes of docs/api.md (not_zip no_payload many_apps no_info
 * bad_info hostile_zip hostile_plist too_large); a dead child is "hostile_zip" for the sender and
 * counted by the caller through `died`.
 */
#include <jansson.h>
#include <time.h>
#include "ipa/icon.h"

#define INSPECT_MEMORY_MAX	(256u << 20)	/* RLIMIT_AS of the child, release builds */
#define INSPECT_CPU_MAX_S	20
#define INSPECT_WALL_MAX_S	60
#define INSPECT_ANSWER_MAX	(8u << 20)

struct inspect_opts {
	time_t now;
	bool udids;			/* list ProvisionedDevices by name, else only count them */
	bool files;			/* each provision as it is, base64, under `file` (FACTS_FILES_MAX) */
	bool alone;			/* the file is a .mobileprovision: facts are {provision} and no more */
	const char *extra_roots;	/* PEM file: signatures under them read other:test; NULL: none */
	const char *sha256;		/* of the file when known, as an upload's is; NULL: hash it */
};

struct inspect {
	json_t *facts;			/* belongs to the talloc object */
	struct bytes icons[ICON_SIZES];	/* PNG; empty when there is no icon to read */
};

bool inspect_child(TALLOC_CTX *ctx, int fd, const struct inspect_opts *opts, struct inspect **ret,
		   bool *died, struct err *err) CHECKED;

/*
 * What the child itself runs: `pomona inspect --child`; never returns.  Every program that calls
 * inspect_child must come here when it is started with these arguments, tests too.
 */
_Noreturn void inspect_child_main(int argc, char **argv);
