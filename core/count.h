#pragma once
/*
 * count - what the server counts, one row each; /metrics prints the table (Prometheus text 0.0.4).
 *
 * A new counter is a new row.  Labels have few values and never name a person or device.
 * Counters only grow; gauges are set.
 */
#include <stdint.h>
#include "core/buf.h"

/*  id                    kind     name                              labels                help */
#define COUNT_TABLE(X) \
	X(REQUESTS_2XX,      counter, "pomona_http_requests_total",     "status=\"2xx\"",     "Requests answered, by class of status") \
	X(REQUESTS_3XX,      counter, "pomona_http_requests_total",     "status=\"3xx\"",     "") \
	X(REQUESTS_4XX,      counter, "pomona_http_requests_total",     "status=\"4xx\"",     "") \
	X(REQUESTS_5XX,      counter, "pomona_http_requests_total",     "status=\"5xx\"",     "") \
	X(CONNECTIONS,       gauge,   "pomona_http_connections",        "",                   "Connections open now") \
	X(GATE_REFUSED,      counter, "pomona_http_gate_refused_total", "",                   "Requests refused by the request gate: malformed or ambiguous") \
	X(FORWARDED_DROPPED, counter, "pomona_http_forwarded_dropped_total", "",              "Requests with X-Forwarded-For or -Proto from elsewhere than a trusted proxy: not believed") \
	X(REAPED,            counter, "pomona_http_reaped_total",       "",                   "Connections ended because a head or body came too slowly") \
	X(LINGERING,         gauge,   "pomona_http_lingering",          "",                   "Refused uploads still being drained so that the answer arrives") \
	X(UPLOADS_NEW,       counter, "pomona_uploads_total",           "result=\"new\"",     "Uploads, by result") \
	X(UPLOADS_SAME,      counter, "pomona_uploads_total",           "result=\"same\"",    "") \
	X(UPLOADS_REFUSED,   counter, "pomona_uploads_total",           "result=\"refused\"", "") \
	X(UPLOAD_BYTES,      counter, "pomona_upload_bytes_total",      "",                   "Bytes of uploads received") \
	X(INSPECT_DIED,      counter, "pomona_inspect_died_total",      "",                   "Inspect children that ended by a signal or a limit") \
	X(DOWNLOAD_BYTES,    counter, "pomona_download_bytes_total",    "",                   "Bytes of apps promised to devices (by ranges asked)") \
	X(MANIFESTS,         counter, "pomona_manifests_total",         "",                   "Manifests served") \
	X(GRANTS_REFUSED,    counter, "pomona_grants_refused_total",    "",                   "Requests with an unknown, expired, used or revoked grant") \
	X(SIGN_INS,          counter, "pomona_sign_ins_total",          "result=\"ok\"",      "Sign-ins, by result") \
	X(SIGN_INS_REFUSED,  counter, "pomona_sign_ins_total",          "result=\"refused\"", "") \
	X(DB_COMMITS,        counter, "pomona_db_commits_total",        "",                   "Database commits, each durable") \
	X(DB_WRITES,         counter, "pomona_db_transactions_total",   "",                   "Transactions, many of which may share a commit") \
	X(DB_DROPPED,        counter, "pomona_db_later_dropped_total",  "",                   "Write-behind events dropped because the queue was full") \
	X(SIGHTS_DROPPED,    counter, "pomona_install_sights_dropped_total", "",            "Steps of installs not recorded because the queue was full") \
	X(JOBS_DONE,         counter, "pomona_jobs_total",              "result=\"done\"",    "Jobs, by result") \
	X(JOBS_RETRIED,      counter, "pomona_jobs_total",              "result=\"retried\"", "") \
	X(JOBS_DEAD,         counter, "pomona_jobs_total",              "result=\"dead\"",    "") \
	X(MAILS_SENT,        counter, "pomona_messages_total",          "kind=\"mail\",result=\"sent\"", "Messages, by kind and result") \
	X(MAILS_FAILED,      counter, "pomona_messages_total",          "kind=\"mail\",result=\"failed\"", "") \
	X(SMS_SENT,          counter, "pomona_messages_total",          "kind=\"sms\",result=\"sent\"", "") \
	X(SMS_FAILED,        counter, "pomona_messages_total",          "kind=\"sms\",result=\"failed\"", "") \
	X(PUSHES_TAKEN,      counter, "pomona_pushes_total",            "result=\"taken\"",   "Pushes, by what APNs answered") \
	X(PUSHES_TOKEN,      counter, "pomona_pushes_total",            "result=\"bad_token\"", "") \
	X(PUSHES_GONE,       counter, "pomona_pushes_total",            "result=\"gone\"",    "") \
	X(PUSHES_LATER,      counter, "pomona_pushes_total",            "result=\"too_many\"", "") \
	X(PUSHES_RETRY,      counter, "pomona_pushes_total",            "result=\"trouble\"", "") \
	X(PUSHES_HALTED,     counter, "pomona_pushes_total",            "result=\"refused\"", "") \
	X(PUSHES_BUG,        counter, "pomona_pushes_total",            "result=\"wrong\"",   "") \
	X(PUSHES_UNSENT,     counter, "pomona_pushes_total",            "result=\"unsent\"",  "") \
	X(APNS_CONNECTIONS,  counter, "pomona_apns_connections_total",  "",                   "Connections to APNs that were opened") \
	X(APNS_OPEN,         gauge,   "pomona_apns_connections",        "",                   "Connections to APNs open now") \
	X(PUSH_HALTED,       gauge,   "pomona_push_halted",             "",                   "1: a push certificate is refused or has expired, and its devices cannot be reached") \
	X(PUSH_CERTIFICATE_END, gauge, "pomona_push_certificate_expires_seconds", "",         "When the push certificate in use expires, seconds since 1970; 0: there is none") \
	X(SCEP_ISSUED,       counter, "pomona_scep_requests_total",     "result=\"issued\"",  "SCEP requests, by what came of them") \
	X(SCEP_RENEWED,      counter, "pomona_scep_requests_total",     "result=\"renewed\"", "") \
	X(SCEP_SAME,         counter, "pomona_scep_requests_total",     "result=\"same\"",    "") \
	X(SCEP_PENDING,      counter, "pomona_scep_requests_total",     "result=\"pending\"", "") \
	X(SCEP_REFUSED,      counter, "pomona_scep_requests_total",     "result=\"refused\"", "") \
	X(OCSP,              counter, "pomona_ocsp_answers_total",      "",                   "OCSP requests that were answered") \
	X(BLOBS_SWEPT,       counter, "pomona_blobs_swept_total",       "",                   "Files without an owner that were removed") \
	X(MDM_CHECKINS,      counter, "pomona_mdm_checkins_total",      "",                   "Check-ins of devices taken") \
	X(MDM_IDLE,          counter, "pomona_mdm_reports_total",       "status=\"idle\"",    "Reports of devices, by status") \
	X(MDM_ACKNOWLEDGED,  counter, "pomona_mdm_reports_total",       "status=\"acknowledged\"", "") \
	X(MDM_NOT_NOW,       counter, "pomona_mdm_reports_total",       "status=\"not_now\"", "") \
	X(MDM_ERRORS,        counter, "pomona_mdm_reports_total",       "status=\"error\"",   "") \
	X(MDM_COMMANDS,      counter, "pomona_mdm_commands_sent_total", "",                   "Commands handed to devices, each time") \
	X(MDM_REFUSED,       counter, "pomona_mdm_refused_total",       "",                   "Messages at the MDM URLs that were not taken") \
	X(MDM_OTHER_KIND,    counter, "pomona_mdm_not_as_offered_total", "what=\"kind\"",    "Messages of devices that said of their enrollment what we did not give it") \
	X(MDM_OTHER_TOPIC,   counter, "pomona_mdm_not_as_offered_total", "what=\"topic\"",   "") \
	X(RSS_BYTES,         gauge,   "pomona_resident_memory_bytes",   "",                   "Resident memory of the server process")

enum count {
#define X(id, kind, name, labels, help) COUNT_##id,
	COUNT_TABLE(X)
#undef X
	COUNT_END
};

void count_add(enum count which, int64_t n);	/* from any thread */
void count_set(enum count which, int64_t value);
int64_t count_get(enum count which);	/* for tests: /metrics is count_print */
void count_print(struct buf *buf);		/* the whole table, as /metrics shows it */
