#pragma once
/*
 * invitation_row - what the files of table `invitation` share: the conditions that decide how far one is.
 */
#include "catalog/invitation.h"

/* Person p has a device under management.  Tables of mdm/enrollment.h, read in a join. */
#define INVITATION_HAS_DEVICE "EXISTS (SELECT 1 FROM device d JOIN enrollment e ON e.id = d.enrollment_id" \
	" WHERE d.person_id = p.id AND e.state = 'enrolled')"

/* Invitation i stands at the moment `now` (a parameter). */
#define INVITATION_STANDS(now) "(i.enrolled IS NULL AND i.revoked IS NULL AND i.expires > " now ")"

/* Its state; m is its message, left joined.  A message that was swept had been sent. */
#define INVITATION_STATE(now, silent_before) "CASE WHEN i.enrolled IS NOT NULL THEN 'enrolled'" \
	" WHEN i.revoked IS NOT NULL THEN 'revoked' WHEN i.declined IS NOT NULL THEN 'declined'" \
	" WHEN i.expires <= " now " THEN 'expired'" \
	" WHEN i.opened IS NULL AND i.signed_in IS NULL AND i.began IS NULL AND m.state IN ('failed', 'bounced') THEN 'failed'" \
	" WHEN i.step <= " silent_before " THEN 'silent'" \
	" WHEN i.began IS NOT NULL THEN 'began' WHEN i.signed_in IS NOT NULL THEN 'signed_in'" \
	" WHEN i.opened IS NOT NULL THEN 'opened' WHEN i.message_id IS NULL THEN 'waiting'" \
	" WHEN m.id IS NULL OR m.state = 'sent' THEN 'sent' WHEN m.state = 'delivered' THEN 'delivered'" \
	" ELSE 'waiting' END"

#define INVITATION_JOINS " FROM invitation i JOIN person p ON p.id = i.person_id LEFT JOIN person b ON b.id = i.created_by" \
	" LEFT JOIN message m ON m.id = i.message_id"
#define INVITATION_SHOWN(p) "CASE WHEN " p ".display <> '' THEN " p ".display ELSE " p ".name END"
