#pragma once
/*
 * rooms - the route tables, one for each routes_*.c, and the few things they share.
 */
#include "catalog/build.h"
#include "core/json.h"
#include "web/site.h"

extern const struct route install_routes[];
extern const struct route catalog_routes[];
extern const struct route console_routes[];
extern const struct route build_routes[];
extern const struct route upload_routes[];
extern const struct route tus_routes[];
extern const struct route settings_routes[];
extern const struct route people_routes[];
extern const struct route person_routes[];
extern const struct route directory_routes[];
extern const struct route look_routes[];
extern const struct route operator_routes[];
extern const struct route trust_routes[];
extern const struct route message_routes[];
extern const struct route link_routes[];
extern const struct route link_page_routes[];
extern const struct route contact_routes[];
extern const struct route tester_routes[];
extern const struct route send_routes[];
extern const struct route link_console_routes[];
extern const struct route registration_routes[];
extern const struct route device_routes[];
extern const struct route audience_routes[];
extern const struct route group_routes[];
extern const struct route item_routes[];
extern const struct route audit_routes[];
extern const struct route authority_routes[];
extern const struct route scep_routes[];
extern const struct route scep_console_routes[];
extern const struct route mdm_routes[];
extern const struct route enroll_routes[];
extern const struct route invitation_routes[];
extern const struct route invited_routes[];
extern const struct route came_back_routes[];
extern const struct route invitation_api_routes[];
extern const struct route managed_routes[];
extern const struct route enroll_device_routes[];
extern const struct route command_routes[];
extern const struct route push_routes[];
extern const struct route device_page_routes[];
extern const struct route payload_routes[];
extern const struct route mobileconfig_routes[];
extern const struct route mobileconfig_page_routes[], mobileconfig_payload_routes[], mobileconfig_assignment_routes[];
extern const struct route own_routes[];
extern const struct route own_device_routes[];
extern const struct route own_console_routes[];
extern const struct route ocsp_routes[];
extern const struct route clip_routes[];
extern const struct route approval_routes[];
extern const struct route clip_console_routes[];
extern const struct route managed_app_routes[];
extern const struct route managed_app_page_routes[];
extern const struct route provision_routes[];
extern const struct route held_routes[];
extern const struct route expiry_routes[];
extern const struct route identity_routes[];

/* ---- jobs.c ---- */
extern const struct job_kind site_jobs[];
bool jobs_begin(struct site *site, struct err *err) CHECKED;	/* sweeps what a crash left behind; the first of those that recur */

/* ---- routes_look.c: stylesheet, script, logo; what every page is told ---- */
bool look_open(struct site *site, struct err *err) CHECKED;
void look_forget(struct site *site);	/* after a change of name, colour or logo */
const char *site_company(struct req *req);
const char *site_name(struct site *site);	/* the same, where there is no request */
const char *site_accent(struct site *site);
const char *site_logo(struct site *site);	/* blob name, NULL: none */
void page_everywhere(struct req *req, json_t *data);
json_t *web_manifest(struct req *req, const char *home);	/* w3.org/TR/appmanifest, of the catalog that begins there */

/* ---- routes_settings.c: the page again, with what was wrong; routes_clip_console.c: its part about the web clip ---- */
bool settings_refused(struct req *req, struct reply *reply, const char *field, struct err *err) CHECKED;
json_t *clip_settings(struct req *req, struct err *err);	/* NULL: err says why */

/* ---- page_build.c: a build as pages show it ---- */
json_t *page_build(struct req *req, const json_t *build);	/* all that any page shows of a build */
json_t *page_build_row(struct req *req, const json_t *build);	/* what a row of a list shows of it */
json_t *page_markdown(const char *text);	/* markdown_blocks; none when it cannot be read */
json_t *page_date_of(struct req *req, const json_t *json, const char *key);	/* or null */
json_t *page_moment_of(struct req *req, const json_t *json, const char *key);	/* with the minute */
const char *names_joined(TALLOC_CTX *ctx, const json_t *list);	/* "QA, main" of a list of texts */
const char *build_verdict_word(const json_t *build);	/* "installs", "expiring", "cannot" */

/*
 * ---- page_url.c ----
 * PATH with what the request asked in the fields that `keep` names ("q state"), percent-encoded; what is empty is left
 * out.  The field `name`, unless NULL, is `value`.  page_next: where a list goes on, NULL at its end.  Both of req.
 */
const char *page_url(struct req *req, const char *path, const char *keep, const char *name, const char *value);
const char *page_next(struct req *req, const char *path, const char *keep, const json_t *list);

/* ---- routes_contacts.c: reads a table of testers, and keeps its good rows only when told so ---- */
bool contacts_take_table(struct req *req, struct bytes text, const char *group, bool keep, json_t **ret,
			 struct err *err) CHECKED;

/* ---- routes_link_console.c: a link as tables show it; routes_send.c: the languages of messages ---- */
void page_link(struct req *req, json_t *link);
json_t *page_language_choice(const char *chosen);

/* ---- page_install.c ---- */
bool in_app_browser(struct req *req);	/* not Safari: it may not install */

/* ---- routes_udid.c: "iOS 18 (22B83)" of what a device says ---- */
const char *device_system(TALLOC_CTX *ctx, const char *version);

/* ---- routes_devices.c: what Today says of testers who wait ---- */
bool devices_todo(struct req *req, json_t *todo, struct err *err) CHECKED;

/* ---- routes_scep_console.c: what Today says of certificate requests that wait ---- */
bool scep_todo(struct req *req, json_t *todo, struct err *err) CHECKED;
/* ---- routes_authority.c: what Today says of the certificate authority ---- */
bool authority_todo(struct req *req, json_t *todo, struct err *err) CHECKED;

/* ---- routes_push.c: devices are woken; silent ones are swept; what Today says of the push certificate ---- */
bool push_start(struct site *site, struct err *err) CHECKED;
bool job_push_sweep(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool push_todo(struct req *req, json_t *todo, struct err *err) CHECKED;

/* ---- routes_messages.c: what Today says of mail and SMS that do not go out ---- */
void messages_todo(struct req *req, json_t *todo);

/* ---- invite.c: testers whose device is listed at last ---- */
bool job_registration_fill(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool job_registration_invite(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);

/* ---- routes_console.c: the upload page, with a build that came out or a refusal ---- */
bool upload_page(struct req *req, struct reply *reply, int status, const char *build,
		 const struct err *refused, struct err *err) CHECKED;

/* ---- mdm_house.c: devices under management ---- */
/* ---- device_kinds.c: what hangs on commands and enrollments; a command that renews an identity ---- */
bool device_kinds_open(struct site *site, struct err *err) CHECKED;
bool renew_identity(struct db *tx, TALLOC_CTX *ctx, const char *enrollment_id, const char *actor, char **uuid,
		    struct err *err) CHECKED;	/* *uuid NULL: it is not enrolled */

struct enrollment;

/*
 * ---- what hangs on devices: rows of device_kinds.c, each in the transaction of its cause ----
 * enrolled: the first TokenUpdate; ended: it is managed no more; reported: an answer was kept in the inventory.
 */
bool mobileconfig_enrolled(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err) CHECKED;
bool mobileconfig_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err) CHECKED;
bool own_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err) CHECKED;
bool clip_enrolled(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err) CHECKED;
bool clip_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err) CHECKED;
bool managed_app_enrolled(struct db *tx, void *site, const struct enrollment *enrollment, struct err *err) CHECKED;
bool managed_app_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err) CHECKED;
bool renewal_reported(struct db *tx, void *site, const char *device_id, const char *request_type, struct err *err) CHECKED;

/* ---- renewal_kinds.c: provisions on their way to devices and off them, and their jobs ---- */
struct queued;
bool provision_install_render(TALLOC_CTX *ctx, void *site, const struct queued *command, const struct enrollment *enrollment,
			      struct bytes *payload, struct err *err) CHECKED;
bool provision_remove_render(TALLOC_CTX *ctx, void *site, const struct queued *command, const struct enrollment *enrollment,
			     struct bytes *payload, struct err *err) CHECKED;
bool provision_answered(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
			const char *status, void *answer, struct err *err) CHECKED;
bool provision_ended(struct db *tx, void *site, const struct queued *command, const struct enrollment *enrollment,
		     const char *state, struct err *err) CHECKED;
bool job_provision_fit(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool provision_fit_dead(const struct job *job, struct db *tx, void *site, const struct err *why, struct err *err);
bool job_provision_fill(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool job_renewal_plan(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool job_renewal_wave(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool job_renewal_day(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool renewals_begin(struct site *site, struct err *err) CHECKED;	/* the first of those that recur */
/* ---- renewal_tell.c: testers and people without management whose build ends ---- */
bool renewal_tell(struct site *site, struct err *err) CHECKED;

/* ---- routes_identity.c: identities are renewed before they end ---- */
bool identity_begin(struct site *site, struct err *err) CHECKED;
bool job_identity_sweep(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);

bool mdm_open(struct site *site, struct err *err) CHECKED;
bool mdm_listen(struct site *site, struct server_conf server, struct err *err) CHECKED;	/* server.device_listen */
bool job_refresh(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);	/* who is due is asked for facts */
bool job_queue_sweep(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);

/* ---- routes_audit.c: the chain is walked once a day ---- */
bool audit_job(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool audit_begin(struct site *site, struct err *err) CHECKED;

/* ---- upload_files.c, routes_tus.c ---- */
const char *upload_dir(TALLOC_CTX *ctx, struct site *site);
bool upload_sweep_files(struct site *site, struct err *err) CHECKED;
#define UPLOAD_ATTEMPTS 5	/* then its sender is told that it failed */
bool upload_finish(const struct job *job, TALLOC_CTX *ctx, void *site, struct err *err);
bool upload_dead(const struct job *job, struct db *tx, void *site, const struct err *why, struct err *err);

/* ---- routes_people.c: comparing passwords and asking the directory takes turns ---- */
bool turn_take(struct site *site, struct err *err) CHECKED;
void turn_give(struct site *site);
bool signin_blame(struct err *err);	/* the log hears what is wrong with the directory, who signs in does not; false */

/* ---- routes_own.c: on /account, whether there is something at /eas ---- */
bool own_account(struct req *req, json_t *data, struct err *err) CHECKED;

/* ---- routes_person.c ---- */
bool whole_admin(struct req *req, struct err *err) CHECKED;	/* not by a token for one app */

/* ---- routes_audience.c: parts of the pages that say whom something is for ---- */
bool categories_part(struct req *req, const json_t *chosen, json_t **ret, struct err *err) CHECKED;
bool groups_part(struct req *req, json_t **ret, struct err *err) CHECKED;
json_t *form_list(struct req *req, const char *field);	/* all that was sent of a field, as [text, ...] */

/* ---- routes_invited.c: what stands on /enroll of the invitation of who looks; NULL and null: none ---- */
struct invitation;
bool invitation_part(struct req *req, struct invitation **invitation, json_t **ret, struct err *err) CHECKED;

/* ---- routes_approval.c: what Today says of devices that wait to be let in ---- */
bool approval_todo(struct req *req, json_t *todo, struct err *err) CHECKED;

/* ---- routes_came_back.c: what Today says of devices that a restored backup does not know ---- */
bool came_back_todo(struct req *req, json_t *todo, struct err *err) CHECKED;

/* ---- forms ---- */
bool says_no(const char *value);	/* "no", "false", "0", "off"; anything else, and nothing, is a yes */
const char *own_path(const char *path, const char *instead);	/* to redirect to: a path of ours and nothing else */
bool form_text(struct req *req, const char *name, const char **ret, struct err *err) CHECKED;	/* there must be one */
int64_t query_limit(struct req *req, int64_t most);	/* ?limit= */

const char *site_etag(struct req *req, const char *name);	/* strong: a blob never changes */
