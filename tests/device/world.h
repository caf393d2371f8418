#pragma once
/*
 * world - what is around a handset: the network, its owner's habits, and who watches it all.
 *
 * The ledger is what the tests' oracle is made of: an append-only file, one line a happening, written before
 * the next step is taken.  Fields are parted by one blank:
 *
 *	MS UDID got UUID TYPE		a command arrived
 *	MS UDID says UUID STATUS TYPE	it is about to be answered so
 *	MS UDID unanswered WHY		no answer came to what stands in the next line
 *	MS UDID said UUID STATUS HTTP	the server took that; HTTP 0: no answer came
 *	MS UDID http WHAT STATUS	any other exchange: Authenticate, TokenUpdate, CheckOut, Idle ...
 *	MS UDID state WORD		enrolled, removed, asleep, awake
 *	MS UDID refused WORDS		what the phone did not put up with
 *	MS UDID stops APPID		no valid provision on the phone is for it, or its certificate has ended: it would not launch now
 *	MS UDID loses APPID		the removal of a provision brought the day nearer on which it stops
 */
#include "tests/device/handset.h"

/* Percent: how often.  kind(field, option, what) */
#define HABITS(X) \
	X(not_now, "not-now", "a command is answered NotNow") \
	X(error,   "error",   "a command is answered with an error") \
	X(unsent,  "unsent",  "no connection comes about") \
	X(half,    "half",    "the connection breaks in the middle of a request") \
	X(deaf,    "deaf",    "the server's answer is lost") \
	X(dead,    "dead",    "the phone dies with a command that it has received") \
	X(asleep,  "asleep",  "it falls asleep instead of connecting") \
	X(leaves,  "leaves",  "it is taken out of management by its owner (CheckOut)") \
	X(decline, "decline", "its owner declines an app") \
	X(prompt,  "prompt",  "its owner is asked about an app and does not say") \
	X(app_fails, "app-fails", "an app that was accepted fails on its way") \
	X(app_lost, "app-lost", "an app that was accepted is never heard of again; an older copy stays")

struct habits {
#define X(field, option, what) int field;
	HABITS(X)
#undef X
};

struct world {
	struct http_way way, tls_way;	/* tls_way: to the listener that asks for certificates */
	struct habits habits;
	const char *ledger, *keep;	/* a file, a directory; NULL: none */
	int ledger_fd;
	bool scep_get, scep_des3;
	const char *outside_scep;	/* URL of a SCEP server that is not ours, and is where it says; NULL: none */
	bool quiet_renewal;		/* a renewed identity is used without a new Authenticate */
	bool http;			/* http:// is put up with, where iOS wants https:// */
	const char *app_reject;		/* RejectionReason of every InstallApplication; NULL: as things are */
	int install_polls;		/* lists asked until an app is installed */
	int sleep_ms;
};

int64_t world_ms(void);
int dice(int below);		/* 0 to below - 1; each thread throws its own */
bool chance(int percent);
void chance_seed(unsigned seed);

void ledger_open(struct world *world);
void ledger(const struct world *world, const struct handset *h, const char *fmt, ...) PRINTF(3, 4);

/* Kept for check_plist.py, the first few of each schema: "response:DeviceInformation". */
void keep(const struct world *world, const char *schema, struct bytes bytes);

/* ---- install.c: mobileconfigs, as Settings and InstallProfile install them ---- */
#define PROFILED "profiled/1.0 CFNetwork/1568.200.51 Darwin/24.1.0"
#define MOBILECONFIG "application/x-apple-aspen-config"

struct identity {	/* a certificate with its key, while it is not yet the handset's own */
	X509 *cert;
	EVP_PKEY *key;
	int key_number;
};

/* What a mobileconfig holds, once it is unwrapped and judged. */
struct unwrapped {
	plist_t root, payloads;
	X509 *signer;		/* NULL: unsigned */
	bool encrypted;
};
/* `own` decrypts; NULL: the handset's identity. */
struct unwrapped unwrap_mobileconfig(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct bytes bytes,
				     const struct identity *own);
/* All of it or nothing; an MDM payload in it enrolls, or renews. */
void install_mobileconfig(TALLOC_CTX *ctx, struct world *world, struct handset *h, const struct unwrapped *u, bool by_mdm);
void remove_mobileconfig(struct handset *h, const char *identifier);
struct identity get_identity(TALLOC_CTX *ctx, struct world *world, struct handset *h, plist_t payload);

/* ---- enroll.c ---- */
/* From a mobileconfig to the first TokenUpdate; `bytes` as Safari got them. */
void enroll(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct bytes bytes);
/* The same with whatever it leads to: an enrollment, or a mobileconfig that stays. */
void install_by_hand(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct bytes bytes);
struct bytes fetch_mobileconfig(TALLOC_CTX *ctx, struct world *world, const char *url);

/* ---- talk.c ---- */
struct http_conn *talk_open(TALLOC_CTX *ctx, struct world *world, const struct handset *h);
/* False: no answer came. */
bool talk(TALLOC_CTX *ctx, struct http_conn *conn, const struct handset *h, const char *url, const char *type,
	  plist_t message, enum http_fault fault, struct http_answer *ret);
/* Authenticate and TokenUpdate; refuses when the server does not take them. */
void check_in(TALLOC_CTX *ctx, struct world *world, struct handset *h);
void token_update(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct http_conn *conn);
void check_out(TALLOC_CTX *ctx, struct world *world, struct handset *h, const char *why);
/* The status is one that ends management: 401, or 403 with unrecognized.device. */
bool told_to_leave(TALLOC_CTX *ctx, const struct handset *h, const struct http_answer *answer);
void leave(struct world *world, struct handset *h, const char *why);

/* One connection: Idle, and whatever the server wants. */
enum came { CAME_DONE, CAME_NOT_NOW, CAME_FAILED, CAME_LEFT };
enum came session(TALLOC_CTX *ctx, struct world *world, struct handset *h);

/* ---- commands*.c ---- */
struct job {
	TALLOC_CTX *ctx;
	struct world *world;
	struct handset *h;
	plist_t command;	/* the Command dictionary */
	plist_t answer;		/* keys to send along */
	const char *status;	/* "Acknowledged" unless somebody says otherwise */
};
void command_run(struct job *job, const char *request_type);
void job_fail(struct job *job, const char *domain, int64_t code, const char *text);

typedef void command_fn(struct job *job);
command_fn do_device_information, do_security_info, do_settings, do_lock, do_clear_passcode, do_erase, do_lost_mode_on,
	do_lost_mode_off, do_location, do_lost_mode_sound, do_restart;
command_fn do_profile_list, do_provisioning_list, do_certificate_list, do_restrictions, do_install_profile,
	do_remove_profile, do_install_provision, do_remove_provision;
command_fn do_installed_list, do_managed_list, do_install_app, do_remove_app, do_app_configuration, do_app_feedback,
	do_app_attributes, do_validate;
command_fn do_declarative;

/*
 * A .mobileprovision by a command or inside an app: it is on the list, in the place of one with its UUID.  What was listed
 * of it; lent.
 */
plist_t hold_provision(TALLOC_CTX *ctx, struct handset *h, struct bytes file);

/* ---- launch.c: into the ledger goes what would not launch ---- */
void launches(const struct world *world, const struct handset *h);
/* The provision of that index goes, and what comes of it is told. */
void launches_after_removal(const struct world *world, const struct handset *h, uint32_t index);

/* ---- declarative.c: status, tokens, items, declarations, as far as a phone asks by itself ---- */
void declarative_sync(TALLOC_CTX *ctx, struct world *world, struct handset *h, struct http_conn *conn);
