#pragma once
/*
 * identity_line - which certificate may follow which as the identity of a device.
 *
 * A certificate renews itself by SCEP, signed with its key and no more: whoever has a copy of one that the device has
 * replaced would have the next one with it, and the device's place.  So what was renewed by SCEP follows the identity that
 * the enrollment has, or the old one while the device may have gone back to that (identity_is_past says until when); and
 * what a challenge brought follows them in a renewal that is under way.  Renewals of before are known by their session alone.
 */
#include "mdm/enrollment.h"

/* May it become the identity of this enrollment?  Also of an outside CA, whose sessions are judged elsewhere. */
bool identity_may_follow(struct db *db, const struct enrollment *enrollment, const char *sha256, bool *ret,
			 struct err *err) CHECKED;

/* May this one, of purpose mdm, be renewed by SCEP?  Also before any device has shown what it was issued for. */
bool identity_may_renew(struct db *db, const struct certificate *certificate, bool *ret, struct err *err) CHECKED;
