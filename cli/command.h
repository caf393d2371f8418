#pragma once
/*
 * command - a command of the command line as tables: what options it has and where each is kept, and what it can be
 * asked to do.  Over argp: wrong usage prints why and ends the program with EXIT_USAGE_.
 *
 * A command's own struct begins with its struct cli_call, and each option is kept in a field of it:
 *
 *	struct opts { struct cli_call call; const char *user; bool json; };
 *	{ "user", 'u', "NAME", "Whose token it is", offsetof(struct opts, user) },
 *	{ "json", 'j', NULL, "Print JSON", offsetof(struct opts, json) },
 */
#include <stddef.h>
#include "cli/cli.h"

#define CLI_WORDS_MAX	64
#define CLI_OPTIONS_MAX	20
#define CLI_NO_LETTER	256	/* keys from here on have a long name alone */

struct cli_call {
	struct cli_place place;		/* --data, --config */
	const struct cli_act *act;
	const char *said;		/* the word by which that was asked for */
	const char *words[CLI_WORDS_MAX];	/* what was said behind it */
	size_t words_n;
	/* In cli_run alone: */
	TALLOC_CTX *ctx;
	struct conf *conf;
	struct db *db;
};

struct cli_option {
	const char *name;
	int key;			/* its letter */
	const char *arg;		/* what the help calls its argument, kept as a const char *; NULL: a flag, a bool */
	const char *help;
	size_t at;
	bool (*take)(struct cli_call *call, const char *arg, struct err *err);	/* keeps it instead; may be NULL */
};

struct cli_options {
	const struct cli_option *rows;	/* ends with {0} */
	const char *header;		/* over them in the help; NULL: none */
	size_t at;			/* of the struct that they fill, in the command's own */
	const char *(*wrong)(const void *p);	/* why they do not go together; NULL: they do.  May be NULL */
};

struct cli_act {
	const char *name;		/* the first word; "": any other */
	size_t least, most;		/* words behind it */
	const char *needs;		/* letters of the command's own options that it cannot do without; NULL: none */
	bool (*run)(struct cli_call *call, struct err *err);	/* for cli_run */
};

struct cli_command {
	const char *args, *doc;		/* as argp has them */
	struct cli_options options;	/* its own; rows may be NULL */
	const struct cli_options *also;	/* and others; NULL: none */
	const struct cli_act *acts;	/* ends with {0}; NULL: it does one thing, with just as many words as: */
	size_t words;
	const char *usage;		/* what to say instead of other words */
};

/* Before anything is allocated: it may leave. */
void cli_parse(const struct cli_command *command, struct cli_call *call, int argc, char **argv);

/* With settings and database open it does what was asked for; the exit code. */
int cli_run(const struct cli_command *command, struct cli_call *call, int argc, char **argv);
