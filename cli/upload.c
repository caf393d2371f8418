/*
 * pomona upload FILE [--server URL] [--token-file F] [--channel C] [--notes-file F] [--json]
 *
 * The server's address and token also come from POMONA_ENDPOINT and POMONA_TOKEN, so that a CI job
 * needs neither in its command line.  Progress goes to stderr when that is a terminal.
 */
#include "cli/command.h"
#include "core/buf.h"
#include "core/num.h"
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MAX	(1u << 20)
#define NOTES_MAX	5000	/* what the server keeps */
#define CONNECT_S	30L
#define STALL_S		120L	/* give up when nothing moved for so long */

struct opts {
	struct cli_call call;
	const char *server, *token_file, *channel, *notes_file, *branch, *commit, *ci_url, *ca_file;
	bool json;
};

#define AT(field) offsetof(struct opts, field)

static const struct cli_option options[] = {
	{ "server", 's', "URL", "Base URL of the server; else that of DIR or FILE, else POMONA_ENDPOINT", AT(server) },
	{ "token-file", 't', "FILE", "First line is the token; else POMONA_TOKEN", AT(token_file) },
	{ "channel", 'C', "NAME", "Channel to publish in", AT(channel) },
	{ "notes-file", 'n', "FILE", "Release notes (a little Markdown)", AT(notes_file) },
	{ "branch", 'B', "NAME", "Git branch", AT(branch) },
	{ "commit", 'G', "HASH", "Git commit", AT(commit) },
	{ "ci-url", 'u', "URL", "Page of the CI job", AT(ci_url) },
	{ "cacert", 'a', "FILE", "Trust this CA too (a private installation)", AT(ca_file) },
	{ "json", 'j', NULL, "Print the server's whole answer", AT(json) },
	{ 0 }
};

static size_t
take_answer(char *p, size_t size, size_t n, void *arg)
{
	buf_add(arg, p, size * n);
	return size * n;
}

static int
show_progress(void *arg, curl_off_t dtotal, curl_off_t dnow, curl_off_t total, curl_off_t now)
{
	static int shown = -1;
	int percent = total > 0 ? (int)(now * 100 / total) : 0;
	void *ctx SCOPED(mem) = talloc_new(NULL);

	(void)arg;
	(void)dtotal;
	(void)dnow;
	if (total <= 0 || percent == shown)
		return 0;
	shown = percent;
	fprintf(stderr, "\r%3d %%  %s of %s%s", percent, num_size(ctx, now), num_size(ctx, total),
		percent == 100 ? ", being read\n" : "   ");
	return 0;
}

static void
add_query(struct buf *url, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(url, "%s%s=", strchr(url->p, '?') ? "&" : "?", name);
	buf_url(url, value, strlen(value));
}

static bool
read_notes(TALLOC_CTX *ctx, const char *path, char **ret, struct err *err)
{
	FILE *file SCOPED(file) = fopen(path, "re");
	char *text = mem_size(ctx, NOTES_MAX + 1);
	size_t n;

	if (!file)
		return err_errno(err, "open %s", path);
	n = fread(text, 1, NOTES_MAX + 1, file);
	if (n > NOTES_MAX) {
		fprintf(stderr, "pomona: warning: %s is cut to %d bytes\n", path, NOTES_MAX);
		for (n = NOTES_MAX; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			;
	}
	text[n] = '\0';
	*ret = text;
	return true;
}

static void
free_slist(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static void
free_curl(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

/* Long notes do not fit a request line; a header of ours carries them, percent-encoded. */
static struct curl_slist *
headers(TALLOC_CTX *ctx, const char *token, const char *notes)
{
	struct curl_slist *list = curl_slist_append(NULL, mem_printf(ctx, "Authorization: Bearer %s", token));

	list = curl_slist_append(list, "Content-Type: application/octet-stream");
	if (notes) {
		struct buf buf;

		buf_init(&buf, ctx, 3 * NOTES_MAX + 100);
		buf_text(&buf, "X-Pomona-Changelog: ");
		buf_url(&buf, notes, strlen(notes));
		list = curl_slist_append(list, buf_str(&buf));
	}
	return list;
}

static bool
send_file(TALLOC_CTX *ctx, const struct opts *o, const char *server, const char *token, const char *notes,
	  FILE *file, int64_t size, long *status, struct buf *answer, struct err *err)
{
	CURL *curl __attribute__((cleanup(free_curl))) = curl_easy_init();
	struct curl_slist *list __attribute__((cleanup(free_slist))) = headers(ctx, token, notes);
	char why[CURL_ERROR_SIZE] = "";
	struct buf url;
	CURLcode rc;

	buf_init(&url, ctx, 8192);
	buf_text(&url, server);
	buf_text(&url, "/api/v1/upload");
	add_query(&url, "channel", o->channel);
	add_query(&url, "branch", o->branch);
	add_query(&url, "git_commit", o->commit);
	add_query(&url, "ci_url", o->ci_url);
	curl_easy_setopt(curl, CURLOPT_URL, buf_str(&url));
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(curl, CURLOPT_READDATA, file);
	curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "pomona/" POMONA_VERSION);
	if (o->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, o->ca_file);
	if (isatty(STDERR_FILENO) && !getenv("NO_COLOR")) {
		curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
	}
	rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	if (rc != CURLE_OK && *status < 200)	/* 100: go on, and then it was gone */
		return err_set(err, ERR_UPSTREAM, "%s: %s", server, *why ? why : curl_easy_strerror(rc));
	return true;
}

/* What the server said no with, in its words, and the exit code that fits. */
static int
refused(long status, const struct buf *answer)
{
	json_t *json = json_loads(buf_str(answer), 0, NULL);
	const char *detail = json_string_value(json_object_get(json, "detail"));
	const char *code = json_string_value(json_object_get(json, "code"));

	fprintf(stderr, "pomona: upload refused (%ld%s%s): %s\n", status, code ? " " : "", code ? code : "",
		detail ? detail : "no reason given");
	json_decref(json);
	return status == 401 || status == 403 ? EXIT_DENIED : status >= 500 ? EXIT_SERVER : EXIT_REJECTED;
}

static int
accepted(const struct opts *o, const struct buf *answer)
{
	json_t *json = json_loads(buf_str(answer), 0, NULL);
	const json_t *verdict = json_object_get(json, "verdict"), *reason;
	const char *url = json_string_value(json_object_get(json, "install_url"));
	size_t i;

	if (!json) {
		fprintf(stderr, "pomona: the server's answer cannot be read\n");
		return EXIT_SERVER;
	}
	if (o->json)
		puts(buf_str(answer));
	else if (url)
		puts(url);
	json_array_foreach(json_object_get(verdict, "reasons"), i, reason)
		fprintf(stderr, "%s: %s\n", json_string_value(json_object_get(reason, "level")),
			json_string_value(json_object_get(reason, "text")));
	json_decref(json);
	return EXIT_OK;
}

int
cmd_upload(int argc, char **argv)
{
	static const struct cli_command upload = {
		.args = "FILE", .doc = "Uploads an .ipa and prints its install link.",
		.options = { options }, .words = 1, .usage = "which file?",
	};
	void *ctx SCOPED(mem) = NULL;
	struct opts o = { 0 };
	struct err err = { 0 };
	char *token = getenv("POMONA_TOKEN"), *notes = NULL;
	FILE *file SCOPED(file) = NULL;
	const char *server, *path;
	struct conf *conf;
	struct buf answer;
	struct stat st;
	long status = 0;

	cli_parse(&upload, &o.call, argc, argv);
	ctx = talloc_new(NULL);
	path = o.call.words[0];
	if (!o.server && (o.call.place.data || o.call.place.config)) {
		if (!cli_conf(ctx, &o.call.place, &conf, &err))
			return cli_fail(&err);
		o.server = conf->server_base_url;
	}
	server = o.server ? o.server : getenv("POMONA_ENDPOINT");
	if (o.token_file && !cli_secret(ctx, o.token_file, &token, &err))
		return cli_fail(&err);
	if (!server || !token) {
		fprintf(stderr, "pomona upload: say --server URL and --token-file FILE, or set POMONA_ENDPOINT "
			"and POMONA_TOKEN\n");
		return EXIT_USAGE_;
	}
	if (o.notes_file && !read_notes(ctx, o.notes_file, &notes, &err))
		return cli_fail(&err);
	if (!(file = fopen(path, "re")) || fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode)) {
		fprintf(stderr, "pomona: %s: %s\n", path, errno ? strerror(errno) : "no file");
		return EXIT_USAGE_;
	}
	buf_init(&answer, ctx, ANSWER_MAX);
	if (!send_file(ctx, &o, server, token, notes, file, st.st_size, &status, &answer, &err))
		return cli_fail(&err);
	return status == 200 || status == 201 ? accepted(&o, &answer) : refused(status, &answer);
}
