#pragma once
/*
 * plist_write - XML property lists, written as they go.
 *
 * Every value takes its key first: NULL inside an array and for the root.  Texts are escaped, and what
 * XML 1.0 forbids is dropped.  What was opened must be closed, in order; the bound is the buffer's.
 */
#include <time.h>
#include "core/buf.h"

void plist_write_begin(struct buf *out);
void plist_write_end(struct buf *out);

void plist_write_dict(struct buf *out, const char *key);
void plist_write_dict_end(struct buf *out);
void plist_write_array(struct buf *out, const char *key);
void plist_write_array_end(struct buf *out);

void plist_write_text(struct buf *out, const char *key, const char *text);	/* NULL: nothing is written */
void plist_write_int(struct buf *out, const char *key, int64_t value);
void plist_write_real(struct buf *out, const char *key, double value);
void plist_write_bool(struct buf *out, const char *key, bool value);
void plist_write_data(struct buf *out, const char *key, struct bytes data);
void plist_write_time(struct buf *out, const char *key, time_t at);
