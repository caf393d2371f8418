/*
 * Commands about apps.  Acknowledged is not installed: an app that was accepted goes through its states while
 * the server asks for its lists, and is downloaded on the way as the install daemon does it.
 *
 * An app of the state has the keys of InstalledApplicationList, and of a managed one Status (as in
 * ManagedApplicationList), ManagementFlags, Configuration, Attributes; and while it is on its way Polls, and
 * the Next version's facts.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/json.h"
#include "core/num.h"
#include "ipa/facts.h"
#include "tests/device/message.h"
#include "tests/device/world.h"

#define DAEMON "com.apple.appstored/1.0 iOS/18.1 model/iPhone15,4 hwp/t8120 build/22B83 (6; dt:309) AMS/1"

static plist_t
apps_of(const struct job *job)
{
	return tree_at(job->h->state, "Apps", PLIST_ARRAY);
}

static bool
status_is(plist_t app, const char *status)
{
	const char *is = tree_text(app, "Status");

	return is && strcmp(is, status) == 0;
}

/* ---- fetching, without cookies or certificates ---- */

static struct http_answer
fetch(struct job *job, struct http_conn *conn, const char *method, const char *url, const char *range)
{
	struct http_request request = { .method = method, .url = url, .agent = DAEMON, .headers = { range } };
	struct http_answer answer;

	if (strncmp(url, "https://", 8) != 0 && !job->world->http)
		refuse("the install daemon is to fetch %s", url);
	if (!http_send(job->ctx, conn, &request, &answer))
		refuse("the install daemon is not answered: %s", answer.type);
	if (answer.status != (range ? 206 : 200))
		refuse("the install daemon is answered %ld for %s", answer.status, url);
	return answer;
}

static const char *
asset(plist_t assets, const char *kind)
{
	plist_t found = tree_find(assets, "kind", kind, NULL);

	return found ? tree_must_text(found, "url", "an asset of the manifest") : NULL;
}

/* What is to be installed, from its manifest; hangs on the job. */
static plist_t
read_manifest(struct job *job, const char *url)
{
	struct http_answer answer = fetch(job, http_open(job->ctx, &job->world->way), "GET", url, NULL);
	plist_t root, items, item, assets, metadata, next = plist_new_dict();
	bool xml = answer.type && (strncmp(answer.type, "text/xml", 8) == 0 ||
				   strncmp(answer.type, "application/xml", 15) == 0);

	keep(job->world, "manifest", answer.body);
	if (!xml)
		refuse("the manifest comes as %s", answer.type ? answer.type : "nothing");
	root = tree_read(job->ctx, answer.body, PLIST_DICT, "the manifest");
	items = tree_must(root, "items", PLIST_ARRAY, "the manifest");
	item = plist_array_get_item(items, 0);
	assets = tree_must(item, "assets", PLIST_ARRAY, "the manifest");
	metadata = tree_must(item, "metadata", PLIST_DICT, "the manifest");
	if (!asset(assets, "software-package"))
		refuse("the manifest has no software-package");
	tree_put_text(next, "Identifier", tree_must_text(metadata, "bundle-identifier", "the manifest"));
	tree_put_text(next, "Version", tree_must_text(metadata, "bundle-version", "the manifest"));
	tree_put_text(next, "Name", tree_must_text(metadata, "title", "the manifest"));
	tree_put_text(next, "Package", asset(assets, "software-package"));
	tree_put_text(next, "Icon", asset(assets, "display-image"));
	return next;
}

/* The certificate that signed it, of those that its provision names; of one that does not say, the first. */
static struct bytes
signer_of(TALLOC_CTX *ctx, plist_t provision, const json_t *code)
{
	const char *sha1 = text_of(json_object_get(code, "certificate"), "sha1");
	plist_t list = tree_must(provision, "Certificates", PLIST_ARRAY, "the provisioning profile");
	char hex[X509_FINGERPRINT_SIZE];
	struct bytes ret = { 0 };

	for (uint32_t i = plist_array_get_size(list); i-- > 0; ) {
		uint64_t len = 0;
		const char *der = plist_get_data_ptr(plist_array_get_item(list, i), &len);

		ret = (struct bytes){ der, len };
		if (strcmp(x509_sha1(message_cert(ctx, ret, "a certificate of the provisioning profile"), hex), sha1) == 0)
			break;
	}
	return ret;
}

/* The app, or an extension or watch app in it: its embedded provision is on the phone's list from now on. */
static void
take_bundle(struct job *job, plist_t bundles, const char *bundle_id, const json_t *provision, const json_t *code)
{
	const char *text = text_of(provision, "file");
	struct bytes file;
	plist_t listed, one;

	if (!*text)
		return;
	if (!num_unbase64(job->ctx, text, strlen(text), &file))
		phone_die("read a provision");
	listed = hold_provision(job->ctx, job->h, file);
	one = plist_new_dict();
	tree_put_text(one, "AppID", mem_printf(job->ctx, "%s.%s", text_of(provision, "team_id"), bundle_id));
	tree_put_data(one, "Certificate", signer_of(job->ctx, listed, code));
	plist_array_append_item(bundles, one);
}

/* As iOS does with what is embedded; what launches from now on is what came now. */
static void
take_inside(struct job *job, plist_t next, const json_t *facts)
{
	plist_t bundles = tree_put_new(next, "Bundles", PLIST_ARRAY);
	const json_t *inner;
	size_t i;

	take_bundle(job, bundles, text_of(facts, "bundle_id"), json_object_get(facts, "provision"), json_object_get(facts, "code"));
	json_array_foreach(json_object_get(facts, "extensions"), i, inner)
		take_bundle(job, bundles, text_of(inner, "bundle_id"), json_object_get(inner, "provision"),
			    json_object_get(inner, "code"));
}

/*
 * What the app says of itself: its version as people say it stands in the .ipa alone, not in the manifest, and so do its
 * provisions.
 */
static void
read_app(struct job *job, plist_t next, struct bytes first, struct bytes rest)
{
	static const struct inspect_opts opts = { .files = true };
	int fd = memfd_create("ipa", MFD_CLOEXEC);
	struct provision_roots *roots;
	struct inspect *inspect;
	struct err err;

	if (fd < 0 || write(fd, first.p, first.len) != (ssize_t)first.len || write(fd, rest.p, rest.len) != (ssize_t)rest.len ||
	    !provision_roots_open(job->ctx, (struct bytes){ 0 }, &roots, &err) ||
	    !facts_read(job->ctx, fd, first.len + rest.len, &opts, roots, &inspect, &err))
		refuse("what the manifest calls software-package is no app");
	tree_put_text(next, "ShortVersion", text_of(inspect->facts, "version"));
	take_inside(job, next, inspect->facts);
	close(fd);
}

/* HEAD, then two ranges: what comes is an app, and as long as was said. */
static int64_t
download(struct job *job, plist_t next)
{
	const char *url = tree_text(next, "Package");
	struct http_conn *conn = http_open(job->ctx, &job->world->way);
	struct bytes first, rest;

	fetch(job, conn, "HEAD", url, NULL);
	if (tree_text(next, "Icon"))
		fetch(job, conn, "GET", tree_text(next, "Icon"), NULL);
	first = fetch(job, conn, "GET", url, "Range: bytes=0-1023").body;
	rest = fetch(job, conn, "GET", url, "Range: bytes=1024-").body;
	if (first.len != 1024 || memcmp(first.p, "PK\003\004", 4) != 0)
		refuse("what the manifest calls software-package is no zip");
	read_app(job, next, first, rest);
	return (int64_t)(first.len + rest.len);
}

/* ---- the way from accepted to installed ---- */

static void
arrive(struct job *job, plist_t app)
{
	plist_t next = tree_at(app, "Next", PLIST_DICT);
	struct attempt a;

	if (attempt(&a)) {
		int64_t size = download(job, next);

		tree_copy(app, "Version", next);
		tree_copy(app, "ShortVersion", next);
		tree_copy(app, "Name", next);
		tree_copy(app, "Bundles", next);
		tree_put_int(app, "BundleSize", size);
		tree_put_int(app, "DynamicSize", 4096);
		tree_put_bool(app, "Installing", false);
		tree_put_bool(app, "IsValidated", true);
		tree_put_text(app, "Status", "Managed");
	} else {
		ledger(job->world, job->h, "refused %s", a.why);
		tree_put_text(app, "Status", "Failed");
	}
	attempt_end(&a);
	tree_drop(app, "Next");
	tree_drop(app, "Polls");
}

/* On its way it broke, or nobody knows what became of it. */
static bool
goes_wrong(struct job *job, plist_t app)
{
	if (chance(job->world->habits.app_fails)) {
		tree_put_text(app, "Status", "Failed");
	} else if (chance(job->world->habits.app_lost)) {
		if (tree_text(app, "Version"))
			tree_put_text(app, "Status", "Managed");
		else
			tree_drop(app, "Status");
	} else {
		return false;
	}
	tree_put_bool(app, "Installing", false);
	tree_drop(app, "Next");
	return true;
}

/* One list was asked: everything that is on its way goes a step. */
static void
step(struct job *job, plist_t app)
{
	int64_t polls = tree_int(app, "Polls", 0);

	if (!plist_dict_get_item(app, "Next"))
		return;
	if (status_is(app, "Prompting") || status_is(app, "PromptingForManagement")) {
		if (chance(job->world->habits.prompt))
			return;
		if (chance(job->world->habits.decline)) {
			tree_put_text(app, "Status", status_is(app, "Prompting") ? "UserRejected" : "ManagementRejected");
			tree_drop(app, "Next");
			return;
		}
		tree_put_text(app, "Status", "Installing");
		tree_put_bool(app, "Installing", true);
	}
	if (goes_wrong(job, app))
		return;
	if (polls > 0)
		tree_put_int(app, "Polls", polls - 1);
	else
		arrive(job, app);
}

static void
step_all(struct job *job)
{
	for (uint32_t i = 0; i < plist_array_get_size(apps_of(job)); i++)
		step(job, plist_array_get_item(apps_of(job), i));
}

static bool
over(plist_t app)
{
	return status_is(app, "UserRejected") || status_is(app, "ManagementRejected") || status_is(app, "Failed");
}

/* What failed is told once: then it is as if nobody had asked. */
static void
forget_failures(struct job *job)
{
	for (uint32_t i = plist_array_get_size(apps_of(job)); i-- > 0; ) {
		plist_t app = plist_array_get_item(apps_of(job), i);

		if (over(app) && !tree_text(app, "Version"))
			plist_array_remove_item(apps_of(job), i);
		else if (over(app))
			tree_drop(app, "Status");
	}
}

/* ---- lists ---- */

static bool
asked_for(plist_t command, const char *key, const char *what)
{
	plist_t list = tree_at(command, key, PLIST_ARRAY);

	return !list || tree_has_text(list, what);
}

void
do_installed_list(struct job *job)
{
	static const char *const shown[] = { "Name", "Version", "ShortVersion", "BundleSize", "DynamicSize", "IsValidated",
					     "Installing" };
	plist_t list = tree_put_new(job->answer, "InstalledApplicationList", PLIST_ARRAY);
	bool managed = tree_bool(job->command, "ManagedAppsOnly");

	step_all(job);
	for (uint32_t i = 0; i < plist_array_get_size(apps_of(job)); i++) {
		plist_t app = plist_array_get_item(apps_of(job), i), one;

		if ((managed && !tree_text(app, "Status")) ||
		    !asked_for(job->command, "Identifiers", tree_text(app, "Identifier")))
			continue;
		if (!tree_text(app, "Version") && !tree_bool(app, "Installing"))
			continue;
		one = plist_new_dict();
		tree_copy(one, "Identifier", app);
		for (size_t k = 0; k < sizeof shown / sizeof *shown; k++)
			if (asked_for(job->command, "Items", shown[k]))
				tree_copy(one, shown[k], app);
		plist_array_append_item(list, one);
	}
}

void
do_managed_list(struct job *job)
{
	plist_t list = tree_put_new(job->answer, "ManagedApplicationList", PLIST_DICT);

	step_all(job);
	for (uint32_t i = 0; i < plist_array_get_size(apps_of(job)); i++) {
		plist_t app = plist_array_get_item(apps_of(job), i), one;

		if (!tree_text(app, "Status") || !asked_for(job->command, "Identifiers", tree_text(app, "Identifier")))
			continue;
		one = tree_put_new(list, tree_text(app, "Identifier"), PLIST_DICT);
		tree_copy(one, "Status", app);
		tree_put_int(one, "ManagementFlags", tree_int(app, "ManagementFlags", 0));
		tree_put_text(one, "UnusedRedemptionCode", "");
		tree_put_bool(one, "HasConfiguration", plist_dict_get_item(app, "Configuration"));
		tree_put_bool(one, "HasFeedback", plist_dict_get_item(app, "Feedback"));
		tree_put_bool(one, "IsValidated", tree_bool(app, "IsValidated"));
		tree_put_int(one, "ExternalVersionIdentifier", 0);
	}
	forget_failures(job);
}

/* ---- installing and removing ---- */

static void
reject(struct job *job, const char *reason, int64_t code, const char *text)
{
	tree_put_text(job->answer, "RejectionReason", reason);
	job_fail(job, "MCMDMErrorDomain", code, text);
}

static plist_t
new_app(struct job *job, const char *identifier)
{
	plist_t app = plist_new_dict();

	tree_put_text(app, "Identifier", identifier);
	plist_array_append_item(apps_of(job), app);
	return app;
}

static void
accept_app(struct job *job, plist_t app, plist_t next, const char *status)
{
	tree_put_text(app, "Status", status);
	tree_put_bool(app, "Installing", strcmp(status, "Installing") == 0);
	tree_put_int(app, "Polls", job->world->install_polls);
	tree_put_int(app, "ManagementFlags", tree_int(job->command, "ManagementFlags", 0));
	tree_copy(app, "Configuration", job->command);
	tree_copy(app, "Attributes", job->command);
	tree_put(app, "Next", next);
	tree_copy(job->answer, "Identifier", next);
	tree_put_text(job->answer, "State", status);
}

static bool
one_source(plist_t command)
{
	return !!plist_dict_get_item(command, "iTunesStoreID") + !!plist_dict_get_item(command, "Identifier") +
	       !!plist_dict_get_item(command, "ManifestURL") == 1;
}

void
do_install_app(struct job *job)
{
	const char *url = tree_text(job->command, "ManifestURL"), *change = tree_text(job->command, "ChangeManagementState");
	bool supervised = tree_bool(tree_at(job->h->state, "Device", PLIST_DICT), "IsSupervised");
	const char *volatile why = NULL;
	plist_t volatile next = NULL;
	plist_t app;
	struct attempt a;

	if (!one_source(job->command))
		refuse("InstallApplication wants exactly one of iTunesStoreID, Identifier and ManifestURL");
	if (job->world->app_reject) {
		reject(job, job->world->app_reject, 12000, "The app is not taken.");
		return;
	}
	if (!url) {
		reject(job, "AppStoreDisabled", 12028, "The App Store is not reachable.");
		return;
	}
	if (attempt(&a))
		next = read_manifest(job, url);
	else
		why = mem_text(job->ctx, a.why);
	attempt_end(&a);
	if (why) {
		ledger(job->world, job->h, "refused %s", why);
		reject(job, "CouldNotVerifyAppID", 12031, "ManifestValidationFailed");
		return;
	}
	app = tree_find(apps_of(job), "Identifier", tree_text(next, "Identifier"), NULL);
	if (app && plist_dict_get_item(app, "Next")) {
		plist_free(next);
		reject(job, "AppAlreadyQueued", 12026, "The app is already scheduled for management.");
	} else if (app && !tree_text(app, "Status") && (!change || strcmp(change, "Managed") != 0)) {
		plist_free(next);
		reject(job, "AppAlreadyInstalled", 12025, "The app is already installed.");
	} else {
		accept_app(job, app ? app : new_app(job, tree_text(next, "Identifier")), next,
			   app && !tree_text(app, "Status") ? "PromptingForManagement" :
			   app || supervised ? "Installing" : "Prompting");
	}
}

void
do_remove_app(struct job *job)
{
	const char *identifier = tree_must_text(job->command, "Identifier", "RemoveApplication");
	uint32_t i;
	plist_t app = tree_find(apps_of(job), "Identifier", identifier, &i);

	if (app && tree_text(app, "Status"))
		plist_array_remove_item(apps_of(job), i);
	else
		job_fail(job, "MCMDMErrorDomain", 12027, "The app is not managed.");
}

/* ---- what belongs to managed apps ---- */

static void
list_key(struct job *job, const char *name, const char *key)
{
	plist_t wanted = tree_must(job->command, "Identifiers", PLIST_ARRAY, "the command");
	plist_t list = tree_put_new(job->answer, name, PLIST_ARRAY);

	for (uint32_t i = 0; i < plist_array_get_size(apps_of(job)); i++) {
		plist_t app = plist_array_get_item(apps_of(job), i), one;

		if (!tree_text(app, "Status") || !tree_has_text(wanted, tree_text(app, "Identifier")))
			continue;
		one = plist_new_dict();
		tree_copy(one, "Identifier", app);
		tree_copy(one, key, app);
		plist_array_append_item(list, one);
	}
}

void
do_app_configuration(struct job *job)
{
	list_key(job, "ApplicationConfigurations", "Configuration");
}

void
do_app_feedback(struct job *job)
{
	list_key(job, "ManagedApplicationFeedback", "Feedback");
	for (uint32_t i = 0; tree_bool(job->command, "DeleteFeedback") && i < plist_array_get_size(apps_of(job)); i++) {
		plist_t app = plist_array_get_item(apps_of(job), i);

		if (tree_text(app, "Status") && asked_for(job->command, "Identifiers", tree_text(app, "Identifier")))
			tree_drop(app, "Feedback");
	}
}

void
do_app_attributes(struct job *job)
{
	list_key(job, "ApplicationAttributes", "Attributes");
}

void
do_validate(struct job *job)
{
	for (uint32_t i = 0; i < plist_array_get_size(apps_of(job)); i++) {
		plist_t app = plist_array_get_item(apps_of(job), i);

		if (tree_text(app, "Status") && asked_for(job->command, "Identifiers", tree_text(app, "Identifier")))
			tree_put_bool(app, "IsValidated", true);
	}
}
