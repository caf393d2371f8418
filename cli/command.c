#include "cli/command.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A child of the command's argp: some of its options. */
struct group {
	struct cli_call *call;
	const struct cli_options *options;
	char *to;			/* the struct that they fill */
	struct argp argp;
	struct argp_option shown[CLI_OPTIONS_MAX + 1];
};

enum { OWN, PLACE, ALSO, GROUPS };

struct parsing {
	const struct cli_command *command;
	struct cli_call *call;
	struct group groups[GROUPS];
};

static const struct cli_option place_rows[] = {
	{ "data", 'd', "DIR", "Data directory (as made by pomona init)", offsetof(struct cli_place, data) },
	{ "config", 'c', "FILE", "Configuration file; default DIR/pomona.conf", offsetof(struct cli_place, config) },
	{ 0 }
};
static const struct cli_options place_options = { place_rows, NULL, offsetof(struct cli_call, place), NULL };

static const struct cli_option *
row_of(const struct cli_options *options, int key)
{
	const struct cli_option *row = options->rows;

	while (row && row->name && row->key != key)
		row++;
	return row && row->name ? row : NULL;
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	const struct group *group = state->input;
	const struct cli_options *options = group->options;
	const struct cli_option *row = row_of(options, key);
	const char *why = NULL;
	struct err err = { 0 };
	char text[520];

	if (row && row->take)
		why = row->take(group->call, arg, &err) ? NULL : err_text(&err, text, sizeof text);
	else if (row && row->arg)
		*(const char **)(void *)(group->to + row->at) = arg;
	else if (row)
		*(bool *)(void *)(group->to + row->at) = true;
	else if (key == ARGP_KEY_END && options->wrong)
		why = options->wrong(group->to);
	else
		return ARGP_ERR_UNKNOWN;
	if (why)
		argp_error(state, "%s", why);
	return 0;
}

static error_t
take_word(struct parsing *p, const char *word, const struct argp_state *state)
{
	struct cli_call *call = p->call;
	const struct cli_act *act = p->command->acts;
	size_t most = p->command->words;

	if (act && !call->act) {
		while (act->name && *act->name && strcmp(act->name, word) != 0)
			act++;
		if (!act->name)
			argp_error(state, "%s", p->command->usage);
		call->act = act;
		call->said = word;
		return 0;
	}
	if (act)
		most = call->act->most;
	if (call->words_n == most)
		return ARGP_ERR_UNKNOWN;	/* argp says: too many arguments */
	call->words[call->words_n++] = word;
	return 0;
}

static void
check_words(const struct parsing *p, const struct argp_state *state)
{
	const struct cli_act *act = p->call->act;

	if (p->command->acts ? !act || p->call->words_n < act->least : p->call->words_n < p->command->words)
		argp_error(state, "%s", p->command->usage);
	for (const char *letter = act && act->needs ? act->needs : ""; *letter; letter++) {
		const struct cli_option *row = row_of(&p->command->options, *letter);

		if (!*(const char **)(void *)(p->groups[OWN].to + row->at))
			argp_error(state, "%s wants --%s %s", act->name, row->name, row->arg);
	}
}

static error_t
parse_command(int key, char *arg, struct argp_state *state)
{
	struct parsing *p = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		for (size_t i = 0; i < (p->command->also ? GROUPS : ALSO); i++)
			state->child_inputs[i] = &p->groups[i];
		return 0;
	case ARGP_KEY_ARG:
		return take_word(p, arg, state);
	case ARGP_KEY_END:
		check_words(p, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static struct argp_child
child_of(struct group *group, struct cli_call *call, const struct cli_options *options)
{
	size_t n = 0;

	*group = (struct group){ .call = call, .options = options, .to = (char *)call + options->at,
				 .argp = { group->shown, parse_option, NULL, NULL, NULL, NULL, NULL } };
	for (const struct cli_option *row = options->rows; row && row->name; row++) {
		assert(n < CLI_OPTIONS_MAX);
		group->shown[n++] = (struct argp_option){ row->name, row->key, row->arg, 0, row->help, 0 };
	}
	return (struct argp_child){ &group->argp, 0, options->header, options->header ? 1 : 0 };
}

void
cli_parse(const struct cli_command *command, struct cli_call *call, int argc, char **argv)
{
	struct parsing p = { .command = command, .call = call };
	struct argp_child children[GROUPS + 1] = { { 0 } };
	const struct argp argp = { NULL, parse_command, command->args, command->doc, children, NULL, NULL };

	children[OWN] = child_of(&p.groups[OWN], call, &command->options);
	children[PLACE] = child_of(&p.groups[PLACE], call, &place_options);
	if (command->also)
		children[ALSO] = child_of(&p.groups[ALSO], call, command->also);
	if (argp_parse(&argp, argc, argv, 0, NULL, &p) != 0)
		exit(EXIT_USAGE_);
}

int
cli_run(const struct cli_command *command, struct cli_call *call, int argc, char **argv)
{
	void *ctx SCOPED(mem) = NULL;
	struct err err = { 0 };

	cli_parse(command, call, argc, argv);
	call->ctx = ctx = talloc_new(NULL);
	return cli_db(ctx, &call->place, &call->conf, &call->db, &err) && call->act->run(call, &err) ? EXIT_OK :
													cli_fail(&err);
}
