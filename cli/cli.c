#include "cli/cli.h"
#include "core/clock.h"
#include "core/file.h"
#include <libgen.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#define MASTER_KEY_MAX	4096

int
cli_fail(const struct err *err)
{
	char text[sizeof err->path + sizeof err->cause + 2];

	fprintf(stderr, "pomona: %s\n", err_text(err, text, sizeof text));
	if (strcmp(err->code, CLI_NOWHERE) == 0)
		return EXIT_USAGE_;
	switch (err->kind) {
	case ERR_SIGN_IN:
	case ERR_DENIED:
		return EXIT_DENIED;
	case ERR_UPSTREAM:
		return EXIT_NETWORK;
	case ERR_INTERNAL:
	case ERR_NO_ROOM:
	case ERR_BUSY:
		return EXIT_SERVER;
	default:
		return EXIT_REJECTED;
	}
}

void
cli_print(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
}

bool
cli_conf(TALLOC_CTX *ctx, const struct cli_place *place, struct conf **ret, struct err *err)
{
	const char *file = place->config;
	struct conf *conf;

	if (!file && place->data)
		file = mem_printf(ctx, "%s/pomona.conf", place->data);
	if (!file)
		file = "/etc/pomona/pomona.conf";
	if (access(file, F_OK) != 0)
		return err_code(err, ERR_MISSING, CLI_NOWHERE, "%s is not there; `pomona init --data DIR --base-url URL` makes one, "
			       "--data DIR or --config FILE names one", file);
	if (!conf_read(ctx, file, &conf, err))
		return false;
	if (place->data)
		conf->server_data = mem_text(conf, place->data);
	else if (!*conf->server_data)
		conf->server_data = dirname(mem_text(conf, file));
	clock_follow(conf->clock_file);		/* what it writes is of the server's time */
	*ret = conf;
	return true;
}

bool
cli_db(TALLOC_CTX *ctx, const struct cli_place *place, struct conf **conf, struct db **ret, struct err *err)
{
	return cli_conf(ctx, place, conf, err) && db_open(ctx, (*conf)->server_data, ret, err);
}

bool
cli_sealer(TALLOC_CTX *ctx, const struct conf *conf, struct sealer **ret, struct err *err)
{
	struct bytes key;
	bool ok;

	if (!*conf->key_master_file)
		return err_set(err, ERR_CONFLICT, "%s does not set key.master_file, under which keys are sealed", conf->file);
	if (!file_read(ctx, conf->key_master_file, MASTER_KEY_MAX, &key, err))
		return err_at(err, "key.master_file");
	ok = sealer_new(ctx, key, ret, err) || err_at(err, "%s", conf->key_master_file);
	OPENSSL_cleanse((void *)(uintptr_t)key.p, key.len);
	return ok;
}

bool
cli_outside(const char *path, const char *data, const char *what, const char *option, struct err *err)
{
	void *ctx SCOPED(mem) = talloc_new(NULL);
	char real_data[PATH_MAX], real_dir[PATH_MAX], *dir = mem_text(ctx, path), *slash = strrchr(dir, '/');

	if (slash)
		slash[slash == dir] = '\0';
	if (!realpath(data, real_data) || !realpath(slash ? dir : ".", real_dir))
		return err_errno(err, "find %s", path);
	if (strncmp(real_dir, real_data, strlen(real_data)) == 0 &&
	    (real_dir[strlen(real_data)] == '/' || !real_dir[strlen(real_data)]))
		return err_set(err, ERR_DENIED, "%s must not lie inside %s; %s FILE names another place", what, data, option);
	return true;
}

bool
cli_secret(TALLOC_CTX *ctx, const char *path, char **ret, struct err *err)
{
	struct bytes text;

	if (strcmp(path, "-") == 0) {	/* a line, not a file: somebody may be typing */
		char *line = mem_size(ctx, CLI_SECRET_MAX + 1);

		text = (struct bytes){ line, fgets(line, CLI_SECRET_MAX + 1, stdin) ? strlen(line) : 0 };
	} else if (!file_read(ctx, path, CLI_SECRET_MAX, &text, err)) {
		return false;
	}
	if (!text.len)
		return err_set(err, ERR_INVALID, "%s is empty", path);
	*ret = (char *)(uintptr_t)text.p;
	(*ret)[strcspn(*ret, "\r\n")] = '\0';
	return true;
}
