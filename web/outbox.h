#pragma once
/*
 * outbox - hands the messages of table `message` to their gateways.
 *
 * It has job workers of its own, so that a slow mail server keeps nobody else's work waiting.  A message is
 * marked before it is sent, and the gateway's answer is recorded before anything else: of what was
 * acknowledged and recorded nothing is sent again, and of what a crash left in between each worker
 * has one message, which goes out again with the same Message-ID.
 *
 * A gateway that is out of order (core/sending.h) is left alone for a while (core/lane.h); messages wait
 * for it without an attempt of their own, each looking again within a minute.
 */
#include "core/mail.h"
#include "core/sms.h"
#include "web/site.h"

#define OUTBOX_WORKERS	2

bool outbox_start(struct site *site, struct err *err) CHECKED;
void outbox_stop(struct site *site);
void outbox_wake(struct site *site);	/* after a commit that added a message; else it looks every second */

/* [{kind, why}]: "mail" or "sms", for each that does not go out at this moment. */
json_t *outbox_stuck(struct site *site);

/* Where mail and SMS go, by the settings; lent from conf. */
struct mail_server outbox_mail(const struct conf *conf);
struct sms_gateway outbox_sms(const struct conf *conf);
const char *outbox_host(TALLOC_CTX *ctx, const struct conf *conf);	/* our own, as mail servers want it */

/*
 * A message at once, past the table: for the Test buttons.  At most half of the server's workers do this at
 * the same time (ERR_BUSY); ret->step says how far it went.
 */
bool outbox_test_mail(struct site *site, const struct mail *mail, struct sending *ret, struct err *err) CHECKED;
bool outbox_test_sms(struct site *site, const struct sms *sms, struct sending *ret, struct err *err) CHECKED;
