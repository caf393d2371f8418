#pragma once
/*
 * conf - every setting, from one table: its name, default, limits and meaning.
 *
 * Read from a libconfuse file (`upload { max_mb = 4096 }`), then the environment
 * (POMONA__UPLOAD__MAX_MB, or POMONA__UPLOAD__MAX_MB__FILE naming a file that holds the value).
 * An unknown key, a wrong type or a value out of bounds refuses to start, with file and line.
 * `pomona --config-help` prints the table.  A new setting is a new row.
 *
 * T text, N whole number, B yes or no.  `live`: SIGHUP re-reads it; `start`: needs a restart;
 * `seam`: for tests, a loud warning while it is set; egress.allow and sms.url are
 * one by their value (conf.c).
 */
#include <stdint.h>
#include "core/mem.h"

/* kind(section, key, default, [min, max,] when, help) */
#define CONF_TABLE(T, N, B) \
	T(server,    data,             "",    start, "Data directory; default: the folder of the configuration file") \
	T(server,    listen,           "127.0.0.1:8080", start, "Address and port, [IPv6]:port, or unix:PATH") \
	T(server,    base_url,         "",    start, "The URL people and phones use: https://apps.example.com, no path") \
	T(server,    tls_cert,         "",    live,  "PEM file: certificate and chain (ECDSA P-256 is the fastest)") \
	T(server,    tls_key,          "",    live,  "PEM file: its private key") \
	B(server,    plain,            false, start, "Serve plain HTTP: behind a proxy that does TLS, or on loopback") \
	T(server,    trusted_proxies,  "",    start, "Addresses or CIDRs whose X-Forwarded-* are believed; \"unix\" for a unix socket") \
	T(server,    client_cert_header, "", live,   "Header in which a trusted proxy passes a device's certificate: Client-Cert (RFC 9440, or PEM as nginx escapes it); empty: none") \
	T(server,    trust_listen,     "",    start, "A second, plain listener that serves /trust alone, for phones that do not trust us yet") \
	T(server,    device_listen,    "",    start, "A second listener that asks for client certificates, for devices alone: 0.0.0.0:8444; empty: none") \
	N(server,    io_threads,       2,     1, 64,        start, "Threads that read and write connections") \
	N(server,    workers,          8,     1, 256,       start, "Threads that run slow handlers") \
	N(server,    connections_max,  10000, 16, 1000000,  start, "Connections at once") \
	N(server,    connections_per_address_max, 256, 0, 1000000, start, "Connections of one address (trusted proxies excepted); 0 is no limit") \
	T(company,   name,             "",    live,  "Shown on every page; the console's settings page replaces it") \
	T(company,   accent,           "#0a6bd6", live, "The company's colour as #rrggbb; the console's settings page replaces it") \
	T(company,   language,         "en",  live,  "Language of messages to people of whom none is known: en, de, es, fr, ja or zh-Hans") \
	N(upload,    max_mb,           4000,  1, 1048576,   live,  "Largest upload, in MB (1,000,000 bytes)") \
	N(upload,    parallel_max,     4,     1, 1000,      live,  "Uploads at once for one token or person") \
	N(upload,    keep_free_mb,     512,   0, 1048576,   start, "Refuse uploads (507) before the disk has less than this left, in MB") \
	N(upload,    resume_hours,     24,    1, 720,       live,  "How long an interrupted resumable upload is kept") \
	N(retention, keep_builds,      0,     0, 1000000,   live,  "Keep the newest N builds of each channel; 0 keeps all") \
	N(session,   idle_minutes,     10080, 5, 525600,    live,  "A session ends when it was not used for this long") \
	N(session,   admin_idle_minutes, 30,  5, 525600,    live,  "The same for people with the admin or publisher role") \
	N(session,   absolute_hours,   720,   1, 8760,      live,  "A session ends this long after sign-in, used or not") \
	N(grant,     tap_minutes,      60,    1, 1440,      live,  "How long the manifest of a tapped install can be fetched") \
	N(grant,     tap_ipa_hours,    24,    1, 168,       live,  "How long after that its .ipa can be fetched") \
	N(grant,     ci_days,          7,     1, 365,       live,  "How long the install link in an upload's answer works") \
	N(grant,     ci_installs,      20,    1, 100000,    live,  "How many installs that link is good for") \
	T(log,       level,            "info", live, "debug, info, warn or error") \
	T(log,       format,           "text", start, "text (key=value) or json") \
	T(metrics,   token,            "",    live,  "Bearer token for /metrics and /readyz; this host needs none unless server.trusted_proxies names loopback or unix") \
	T(key,       master_file,      "",    start, "File (0600, outside the data directory) with the key that seals other keys") \
	T(clock,     file,             "",    seam,  "A file holding an ISO 8601 time that replaces now") \
	T(ldap,      urls,             "",    live,  "Directory servers in order, separated by spaces: ldaps://dc1.example.com ldaps://dc2.example.com; empty: no directory") \
	T(ldap,      tls,              "ldaps", live, "ldaps, starttls, or none (loopback only)") \
	T(ldap,      ca_file,          "",    live,  "PEM file: the CA of the directory servers; empty: the system's") \
	T(ldap,      client_cert,      "",    live,  "PEM file: a client certificate, where the directory asks for one; empty: none") \
	T(ldap,      client_key,       "",    live,  "PEM file: its private key") \
	T(ldap,      bind_dn,          "",    live,  "The account that searches; empty with user_bind_template: each person searches as themselves") \
	T(ldap,      bind_password,    "",    live,  "Its password; better by POMONA__LDAP__BIND_PASSWORD__FILE") \
	T(ldap,      user_bind_template, "",  live,  "Direct bind, %s is the name: %s@corp.example.com") \
	T(ldap,      user_bases,       "",    live,  "Where people are searched; several are separated by ;") \
	T(ldap,      user_filter,      "(&(objectCategory=person)(|(sAMAccountName=%s)(userPrincipalName=%s)(mail=%s)))", live, "Filter for one person, %s is the name") \
	T(ldap,      group_base,       "",    live,  "Where groups are searched; empty: user_bases") \
	T(ldap,      nested,           "auto", live, "Nested groups: auto (matching rule 1941 on AD, else step by step), ad, walk or off") \
	T(ldap,      admin_groups,     "",    live,  "DNs of groups whose members are admins, separated by ;") \
	T(ldap,      publisher_groups, "",    live,  "DNs of groups whose members are publishers, separated by ;") \
	T(ldap,      required_groups,  "",    live,  "DNs of groups of which a person must be in one to sign in, separated by ;; empty: everyone found") \
	T(ldap,      attributes,       "department userPrincipalName title", live, "What is kept of each person for %variables% of mobileconfigs: names of attributes, separated by spaces") \
	B(signin,    local_login,      true,  live,  "Local accounts may sign in; no: the directory or proxy alone") \
	T(signin,    proxy_header,     "",    live,  "Header in which a trusted proxy names who is signed in: X-Remote-User; empty: none") \
	B(signin,    proxy_basic,      false, live,  "Believe HTTP Basic that a trusted proxy forwards") \
	T(smtp,      url,              "",    live,  "Mail server: smtps://mail.example.com:465 or smtp://mail.example.com:587; empty: no mail") \
	T(smtp,      tls,              "required", live, "For smtp://: required (STARTTLS) or none (loopback only)") \
	T(smtp,      ca_file,          "",    live,  "PEM file: the CA of the mail server; empty: the system's") \
	T(smtp,      user,             "",    live,  "Account there; empty: none") \
	T(smtp,      password,         "",    live,  "Its password; better by POMONA__SMTP__PASSWORD__FILE") \
	T(smtp,      from,             "",    live,  "Sender: Apps <apps@example.com>") \
	T(smtp,      reply_to,         "",    live,  "Where answers go; empty: the person who sends a link, or nobody") \
	T(sms,       driver,           "",    live,  "kannel, twilio or http; empty: no SMS") \
	T(sms,       url,              "",    live,  "kannel: http://kannel.example.com:13013/cgi-bin/sendsms; http: with {to} or {digits}, {text} and {from}; twilio: empty (a test's own)") \
	T(sms,       user,             "",    live,  "Account there (Twilio: Account SID)") \
	T(sms,       password,         "",    live,  "Its password (Twilio: Auth Token)") \
	T(sms,       from,             "",    live,  "Sender: number or name") \
	T(sms,       body,             "",    live,  "http: body of a POST with {to} or {digits}, {text} and {from}; empty: GET") \
	T(sms,       content_type,     "application/x-www-form-urlencoded", live, "http: of that body") \
	N(message,   per_minute,       0,     0, 100000,    live,  "Most mails, and most SMS, that are sent in a minute; 0 is no limit") \
	N(message,   give_up_hours,    24,    1, 720,       live,  "How long a message is tried while its gateway is out of order") \
	N(message,   keep_days,        30,    1, 3650,      live,  "How long sent and failed messages stay in the list, and with them addresses and numbers") \
	T(egress,    allow,            "",    live,  "Addresses or CIDRs that URLs typed in the console may reach besides public ones, http:// too; beyond private networks it is for tests") \
	N(expiry,    hour,             5,     0, 23,        live,  "At which hour (UTC) it is looked once a day what ends, and mail goes to those who are to be told") \
	B(expiry,    look,             true,  live,  "Look once a day by a handshake which certificate is shown at server.base_url and mdm.base_url; no: where the server itself cannot reach them") \
	N(link,      days,             7,     1, 365,       live,  "How long a tester's link works unless its sender says otherwise") \
	N(link,      channel_days,     90,    1, 365,       live,  "The same of a link to a channel: for so long they are told of its new builds") \
	N(link,      installs,         3,     0, 100000,    live,  "How many installs it is good for; 0 is no limit") \
	T(registration, sign_cert,     "",    live,  "PEM file: certificate and chain that sign mobileconfigs; empty: unsigned") \
	T(registration, sign_key,      "",    live,  "PEM file: its private key") \
	N(scep,      challenge_minutes, 60,   1, 10080,     live,  "How long a challenge is good for") \
	B(scep,      manual_approval,  false, live,  "An admin approves each request without a challenge; devices poll") \
	B(scep,      allow_single_des, false, seam,  "Accept single-DES envelopes, for old SCEP clients") \
	T(scep,      external_url,     "",    live,  "An outside SCEP server (such as Microsoft NDES) that issues device identities instead of ours") \
	T(scep,      external_name,    "",    live,  "Its CA-IDENT; empty: none") \
	T(scep,      external_challenge, "",  live,  "Its challenge password; better by POMONA__SCEP__EXTERNAL_CHALLENGE__FILE") \
	T(scep,      external_ca_file, "",    live,  "PEM file: the CA whose device certificates are believed") \
	B(enroll,    open,             true,  live,  "People may set up their devices themselves at /enroll; no: invited people alone") \
	B(enroll,    approval,         false, live,  "An admin approves each device that people set up themselves, before it comes under management") \
	B(enroll,    direct,           false, live,  "Offer one mobileconfig with SCEP and MDM payload, without the Profile Service phases") \
	N(enroll,    devices_max,      5,     1, 1000,      live,  "Devices that one person may set up") \
	N(enroll,    access_rights,    8191,  1, 8191,      live,  "AccessRights of the MDM payload; 5587 is the least for catalog and renewal") \
	N(enroll,    session_minutes,  60,    5, 1440,      live,  "How long an enrollment may take from page to last step") \
	N(enroll,    invite_days,      14,    1, 365,       live,  "How long an invitation stands") \
	N(enroll,    silent_days,      3,     1, 365,       live,  "Days without a step after which an invited person counts as silent, and is reminded once where that was asked for") \
	B(clip,      on,               true,  live,  "Devices under management get the catalog on their home screen; the console's settings page replaces this and the next three") \
	T(clip,      label,            "App Catalog", live, "What stands under its icon there") \
	B(clip,      full_screen,      false, live,  "Opened without Safari around it") \
	B(clip,      removable,        true,  live,  "People may take the icon away") \
	T(own,       identity,         "scep", live, "How a person's own mobileconfig (/eas) brings their certificate: scep (the device makes the key), pkcs12 (made here, sent encrypted, not kept) or none") \
	N(own,       certificate_days, 365,   1, 3650,      live,  "How long a person's own certificate is valid") \
	T(own,       upn,              "%upn%", live, "userPrincipalName in it, by which servers know the person: %upn% is the directory's; %email% or %username%@corp.example.com say that it is made of that") \
	T(eas,       host,             "",    live,  "Exchange server of the mobileconfig at /eas: mail.example.com; empty: none is made from settings") \
	T(eas,       user_name,        "%username%", live, "Name at that server, as in EXAMPLE\\%username% or %upn%") \
	N(eas,       past_days,        7,     0, 31,        live,  "Mail of how many days is kept on the device: 1, 3, 7, 14, 31, or 0 for all") \
	N(mdm,       identity_grace_days, 30, 0, 365,       live,  "How long a device under management may still show an identity that ran out, so that it can be renewed") \
	N(mdm,       identity_renew_days, 45, 1, 180,        live,  "How long before its end a device's identity is renewed, one attempt a day") \
	N(mdm,       identity_overlap_hours, 72, 1, 720,     live,  "How long the identity before a renewal is accepted beside the new one; then it is revoked") \
	T(mdm,       base_url,         "",    start, "The URL under which devices find /mdm: https://apps.example.com:8444 where server.device_listen has a name or port of its own; empty: server.base_url") \
	N(mdm,       silent_days,      14,    1, 365,       live,  "After how many days without a word a device is shown as silent") \
	N(mdm,       refresh_hours,    24,    0, 720,       live,  "How often each device is asked again for its facts, spread over that time; not while it is silent; 0: never") \
	N(mdm,       command_days,     30,    1, 365,       live,  "How long a command waits for its device before it expires") \
	N(mdm,       history_days,     180,   1, 3650,      live,  "How long what became of commands is kept") \
	N(renewal,   percent,          20,    1, 100,       live,  "A newer provision goes to so many percent of the devices an hour") \
	N(renewal,   devices,          1000,  0, 1000000,   live,  "And to no more devices than that an hour; 0 is no limit") \
	N(renewal,   days_before,      30,    7, 180,       live,  "Where an app ends within so many days it goes out at once, whatever the pace") \
	B(renewal,   paused,           false, live,  "No newer provisions go out but to where an app ends within renewal.days_before") \
	T(apns,      url,              "",    seam,  "Another APNs instead of https://api.push.apple.com, for tests") \
	T(apns,      ca_file,          "",    seam,  "PEM file: the CA of that APNs") \
	N(apns,      port,             443,   1, 65535,     start, "443, or 2197 where firewalls want it") \
	N(apns,      per_second,       200,   1, 100000,    live,  "Most pushes a second for commands to many devices") \
	T(apple,     extra_device_roots, "",  seam,  "PEM file of further roots for device answers; their signature reads other:test") \
	T(apple,     extra_provision_roots, "", seam, "PEM file of further roots for provisions; their signature reads other:test")

struct conf {
#define T(section, key, def, when, help)		const char *section##_##key;
#define N(section, key, def, min, max, when, help)	int64_t section##_##key;
#define B(section, key, def, when, help)		bool section##_##key;
	CONF_TABLE(T, N, B)
#undef T
#undef N
#undef B
	const char *file;	/* where it was read from; "" for defaults alone */
	const char *seams;	/* "clock.file apple.extra_provision_roots"; "" when none is set */
};

/* file NULL: defaults and environment alone. */
bool conf_read(TALLOC_CTX *ctx, const char *file, struct conf **ret, struct err *err) CHECKED;

/* As conf_read, then the values of rows that cannot change while running are taken from `running`. */
bool conf_reread(TALLOC_CTX *ctx, const struct conf *running, struct conf **ret, struct err *err) CHECKED;

/* The value of a whole-number key by its dotted name, for tables that name settings. */
bool conf_number(const struct conf *conf, const char *name, int64_t *ret);
void conf_help(void);	/* the table, to stdout */
