#pragma once
/*
 * sms - short messages: numbers, what fits into one, and the gateways that take them.
 *
 * One message holds 160 characters of the GSM alphabet (3GPP TS 23.038; the ten of its extension count
 * twice), or 70 UTF-16 units as soon as one character is not in it.
 */
#include "core/egress.h"
#include "core/sending.h"

#define SMS_GSM_MAX	160	/* septets of one message */
#define SMS_UCS2_MAX	70	/* UTF-16 units of one */
#define SMS_TEXT_MAX	1600	/* bytes that are handed to a gateway: it cuts them into several */
#define SMS_NUMBER_MAX	15	/* digits, E.164 */

/* Septets of the text, or -1 when it is not in the GSM alphabet. */
int sms_septets(const char *text);
int sms_units(const char *text);	/* UTF-16 units; invalid UTF-8 counts byte by byte */
bool sms_fits(const char *text);	/* into one message */

/*
 * One message of these words: the first of `forms` that fits.  {app} and {url} stand for the app's name and
 * the link; a name too long for a form is shortened, to SMS_NAME_MIN characters at least, before the next form
 * is tried, and where all are too long the link stands alone, never cut.  So: the best words first, behind
 * them some without {app}, in letters of the GSM alphabet where the language allows.  ERR_LIMIT when the link
 * itself does not fit.
 */
#define SMS_NAME_MIN 6
bool sms_fit(TALLOC_CTX *ctx, const char *const *forms, const char *app, const char *url, char **ret,
	     struct err *err) CHECKED;

/* "+49 (170) 123-4567" as "+491701234567"; ERR_INVALID says that it must begin with + and a country. */
bool sms_number(TALLOC_CTX *ctx, const char *text, char **ret, struct err *err) CHECKED;

/* ---- gateways ---- */
struct sms_gateway {
	const char *driver;		/* "kannel", "twilio", "http" */
	const char *url, *user, *password, *from;
	const char *body, *content_type;	/* http: a POST */
	const char *allow;		/* egress.allow */
};

struct sms {
	const char *to, *text;
	const char *report_url;		/* where the gateway tells what became of it; NULL: nowhere */
};

/* True when it was taken; else ret->result says what to do and err why. */
bool sms_send(const struct sms_gateway *gateway, const struct sms *sms, struct sending *ret, struct err *err) CHECKED;

/* As far as possible without sending anything: is it there, and does it know the account? */
bool sms_try(const struct sms_gateway *gateway, struct sending *ret, struct err *err) CHECKED;

/* What a gateway's report says: Kannel's status (bits) or Twilio's MessageStatus. */
enum sms_report { SMS_REPORT_NONE, SMS_REPORT_DELIVERED, SMS_REPORT_FAILED };
enum sms_report sms_report(const char *status);
