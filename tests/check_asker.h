#pragma once
/*
 * check_asker - an admin who asks a whole house for odd things: apps, people, testers, devices and what is kept of
 * them, behind a server of this program, and a database that is put back as it was after each answer.
 *
 * So each question meets the house that it was written for.  A tenth of all is asked, always the same one, unless
 * POMONA_WHOLE=1; POMONA_SEED picks another tenth.
 */
#include <curl/curl.h>
#include <jansson.h>
#include <sqlite3.h>
#include "tests/check_bodies.h"
#include "tests/check_house.h"
#include "tests/check_mdm.h"
#include "web/site.h"

#define ASKER_APP	"com.example.app"
#define ASKER_URL	"http://apps.example.com"

enum body_kind {
	AS_JSON,
	AS_FORM,
	AS_PLIST,	/* of a device: signed by its identity */
	AS_BYTES,	/* as they are; @name is that file of tests/data */
	AS_FILE,	/* the same in a multipart form, as its file */
};

#define MAY_FAIL	1	/* the good one is refused as well: what it is about is not in this house */
#define SLOW		2	/* each costs much: a few are enough */
#define WRITES		4	/* a refusal is written down: tries, who was refused */

struct body_row {
	const char *request;
	enum body_kind kind;
	const char *good;
	/* Keys that take a value of any type, or several ("send" is true or a text); blanks between; "*" all. */
	const char *any;
	int flags;
	const char *nulls;	/* keys for which null is none, as if they were left out */
};

struct asker {
	TALLOC_CTX *ctx;
	struct house house;
	struct site *site;
	struct mdm mdm;
	struct phone *phone;
	sqlite3 *live, *kept;
	int64_t version;		/* of the live one, when it was as it is kept */
	CURL *curl;
	json_t *things;			/* what $name stands for */
	char base[64];
	const char *cookie, *csrf;
	struct buf got;			/* the last answer */
	char type[100];			/* its Content-Type */
	unsigned seed, n;
	bool whole;
	int asked, taken, wrong;
	/* what is asked at the moment */
	const struct body_row *row;
	const char *method, *path;
};

struct asker *asker_new(TALLOC_CTX *ctx);
void asker_end(struct asker *w);	/* and says how many there were; fails when one was wrong */

const char *asker_expand(struct asker *w, TALLOC_CTX *ctx, const char *text);	/* its $names */
bool asker_is_due(struct asker *w);	/* is the next one among those to be asked? */
int asker_ask(struct asker *w, enum body_kind kind, struct bytes body);	/* the row's; the status, 599: no answer */

/*
 * What must hold of every answer; then the database is put back.  No answer is a fault of ours, or 401; a refusal is a
 * problem or a page, says which field, and has changed nothing; a value of another type is not taken.
 */
void asker_judge(struct asker *w, const struct body *body, int status);
void asker_wrong(struct asker *w, const struct body *body, int status, const char *why);
void asker_put_back(struct asker *w);

/* Of the house, while it is furnished. */
void asker_serve(struct asker *w);
int asker_send(struct asker *w, const char *method, const char *path, enum body_kind kind, struct bytes body);
void asker_keep(struct asker *w);	/* as it is now it is put back from here on */
