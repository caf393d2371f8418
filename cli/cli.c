#include "cli/cli.h"
#include "core/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
cli_fail(const struct err *err)
{
	char text[sizeof err->path + sizeof err->cause + 2];

	fprintf(stderr, "pomona: %s\n", err_text(err, text, sizeof text));
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

bool
cli_place_option(struct cli_place *place, int key, char *arg)
{
	if (key != 'd' && key != 'c')
		return false;
	*(key == 'd' ? &place->data : &place->config) = arg;
	return true;
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
		return err_set(err, ERR_MISSING, "%s is not there; `pomona init --data DIR --base-url URL` makes one, "
			       "--data DIR or --config FILE names one", file);
	if (!conf_read(ctx, file, &conf, err))
		return false;
	if (place->data)
		conf->server_data = mem_text(conf, place->data);
	else if (!*conf->server_data)
		conf->server_data = dirname(mem_text(conf, file));
	*ret = conf;
	return true;
}

bool
cli_db(TALLOC_CTX *ctx, const struct cli_place *place, struct conf **conf, struct db **ret, struct err *err)
{
	return cli_conf(ctx, place, conf, err) && db_open(ctx, (*conf)->server_data, ret, err);
}

bool
cli_secret(TALLOC_CTX *ctx, const char *path, char **ret, struct err *err)
{
	char line[4096];
	FILE *file SCOPED(file) = NULL;
	FILE *from = stdin;

	if (strcmp(path, "-") != 0 && !(from = file = fopen(path, "re")))
		return err_errno(err, "open %s", path);
	if (!fgets(line, sizeof line, from))
		return err_set(err, ERR_INVALID, "%s is empty", path);
	line[strcspn(line, "\r\n")] = '\0';
	*ret = mem_text(ctx, line);
	return true;
}

bool
cli_write_file(const char *path, int mode, const char *text, struct err *err)
{
	int fd SCOPED(fd) = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t len = strlen(text);

	if (fd < 0 || fchmod(fd, (mode_t)mode) != 0 || write(fd, text, len) != (ssize_t)len || fsync(fd) != 0)
		return err_errno(err, "write %s", path);
	return true;
}
