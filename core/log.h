#pragma once
/*
 * log - one line an event, to stderr, as key=value or JSON.
 *
 *	log_info("build uploaded", KV("app", bundle_id), KVI("size", size));
 *
 * A request id set on a thread stands on every line that thread writes.  Library code (core, ipa)
 * returns an err and does not log; the edges do, once.  Secrets are passed by KVS: they print ***.
 */
#include <stdint.h>
#include "core/err.h"

enum log_level { LOG_DEBUG_, LOG_INFO_, LOG_WARN_, LOG_ERROR_ };

struct log_kv {
	const char *key;
	enum { LOG_END, LOG_TEXT, LOG_INT, LOG_SECRET } type;
	const char *text;
	int64_t number;
};

#define KV(k, t)	((struct log_kv){ (k), LOG_TEXT, (t), 0 })
#define KVI(k, n)	((struct log_kv){ (k), LOG_INT, NULL, (n) })
#define KVS(k, t)	((struct log_kv){ (k), LOG_SECRET, (t), 0 })

#define LOG_KVS(...) (const struct log_kv[]){ __VA_ARGS__ __VA_OPT__(,) { NULL, LOG_END, NULL, 0 } }
#define log_debug(msg, ...)	log_write(LOG_DEBUG_, msg, LOG_KVS(__VA_ARGS__))
#define log_info(msg, ...)	log_write(LOG_INFO_, msg, LOG_KVS(__VA_ARGS__))
#define log_warn(msg, ...)	log_write(LOG_WARN_, msg, LOG_KVS(__VA_ARGS__))
#define log_error(msg, ...)	log_write(LOG_ERROR_, msg, LOG_KVS(__VA_ARGS__))
#define log_err(msg, e, ...)	log_write_err(msg, e, LOG_KVS(__VA_ARGS__))

void log_setup(enum log_level least, bool json);
void log_request(const char *id);	/* for this thread, until NULL; the text must outlive it */
void log_write(enum log_level level, const char *msg, const struct log_kv *kvs);

/* "error" for ERR_INTERNAL, "warn" for the rest, with err="path: cause" and its code. */
void log_write_err(const char *msg, const struct err *err, const struct log_kv *kvs);
