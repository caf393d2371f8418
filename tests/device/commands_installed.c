/*
 * Commands about mobileconfigs, provisions, certificates and the restrictions that come of them.
 */
#include <stdlib.h>
#include <string.h>
#include "tests/device/message.h"
#include "tests/device/world.h"


static plist_t
list_of(const struct job *job, const char *name)
{
	return tree_at(job->h->state, name, PLIST_ARRAY);
}

/* A copy without the keys that are the phone's own. */
static void
copy_without(plist_t list, plist_t item, const char *a, const char *b, const char *c)
{
	plist_t copy = plist_copy(item);

	tree_drop(copy, a);
	tree_drop(copy, b);
	tree_drop(copy, c);
	plist_array_append_item(list, copy);
}

/* ---- mobileconfigs ---- */

void
do_profile_list(struct job *job)
{
	plist_t from = list_of(job, "Mobileconfigs"), list = tree_put_new(job->answer, "ProfileList", PLIST_ARRAY);
	bool managed = tree_bool(job->command, "ManagedOnly");

	for (uint32_t i = 0; i < plist_array_get_size(from); i++)
		if (!managed || tree_bool(plist_array_get_item(from, i), "IsManaged"))
			copy_without(list, plist_array_get_item(from, i), "Restrictions", "Passcode", "WebClips");
}

/* The strictest wins: one that forbids, forbids for all. */
static void
enforce(struct job *job)
{
	plist_t security = tree_at(job->h->state, "Security", PLIST_DICT), from = list_of(job, "Mobileconfigs");
	bool wanted = false;

	for (uint32_t i = 0; i < plist_array_get_size(from); i++)
		wanted |= !!plist_dict_get_item(plist_array_get_item(from, i), "Passcode");
	tree_put_bool(security, "PasscodeCompliantWithProfiles", !wanted || tree_bool(security, "PasscodePresent"));
}

void
do_install_profile(struct job *job)
{
	struct bytes bytes = tree_data(job->command, "Payload");
	struct unwrapped u;

	if (!bytes.p)
		refuse("InstallProfile has no Payload");
	u = unwrap_mobileconfig(job->ctx, job->world, job->h, bytes, NULL);
	install_mobileconfig(job->ctx, job->world, job->h, &u, true);
	enforce(job);
}

void
do_remove_profile(struct job *job)
{
	const char *identifier = tree_must_text(job->command, "Identifier", "RemoveProfile");
	plist_t item = tree_find(list_of(job, "Mobileconfigs"), "PayloadIdentifier", identifier, NULL);

	if (strcmp(identifier, tree_text(handset_enrollment(job->h), "Identifier")) == 0) {
		check_out(job->ctx, job->world, job->h, "RemoveProfile");
		return;
	}
	if (!item || !tree_bool(item, "IsManaged")) {
		job_fail(job, "MCMDMErrorDomain", item ? 12023 : 12073, item ? "The profile is not managed." :
			 "The profile is not installed.");
		return;
	}
	remove_mobileconfig(job->h, identifier);
	enforce(job);
}

void
do_certificate_list(struct job *job)
{
	plist_t from = list_of(job, "Certificates"), list = tree_put_new(job->answer, "CertificateList", PLIST_ARRAY);

	for (uint32_t i = 0; i < plist_array_get_size(from); i++)
		copy_without(list, plist_array_get_item(from, i), "Owner", "Key", "Key");
}

/* ---- restrictions ---- */

static void
add_restrictions(plist_t to, plist_t payload)
{
	plist_dict_iter at = NULL;
	plist_t bools = tree_at(to, "restrictedBool", PLIST_DICT), values = tree_at(to, "restrictedValue", PLIST_DICT);
	char *key = NULL;
	plist_t value = NULL;

	plist_dict_new_iter(payload, &at);
	for (plist_dict_next_item(payload, at, &key, &value); value; plist_dict_next_item(payload, at, &key, &value)) {
		bool is = plist_get_node_type(value) == PLIST_BOOLEAN, number = plist_get_node_type(value) == PLIST_UINT;
		uint8_t on = 0;

		if (is)
			plist_get_bool_val(value, &on);
		if (strncmp(key, "Payload", 7) != 0 && (is || number)) {
			plist_t where = is ? bools : values, there = tree_at(where, key, PLIST_DICT);

			if (!there)
				tree_put(tree_put_new(where, key, PLIST_DICT), "value", plist_copy(value));
			else if (is && strncmp(key, "allow", 5) == 0 && !on)
				tree_put_bool(there, "value", false);
		}
		free(key);
		key = NULL;
		value = NULL;
	}
	free(at);
}

static plist_t
empty_restrictions(plist_t dict, const char *key)
{
	plist_t ret = tree_put_new(dict, key, PLIST_DICT);

	tree_put_new(ret, "restrictedBool", PLIST_DICT);
	tree_put_new(ret, "restrictedValue", PLIST_DICT);
	return ret;
}

void
do_restrictions(struct job *job)
{
	plist_t from = list_of(job, "Mobileconfigs"), all = empty_restrictions(job->answer, "GlobalRestrictions");
	plist_t each = tree_put_new(job->answer, "ProfileRestrictions", PLIST_DICT);

	for (uint32_t i = 0; i < plist_array_get_size(from); i++) {
		plist_t item = plist_array_get_item(from, i), payload = tree_at(item, "Restrictions", PLIST_DICT);

		if (!payload)
			continue;
		add_restrictions(all, payload);
		if (tree_bool(job->command, "ProfileRestrictions"))
			add_restrictions(empty_restrictions(each, tree_text(item, "PayloadIdentifier")), payload);
	}
}

/* ---- provisions ---- */

void
do_provisioning_list(struct job *job)
{
	plist_t from = list_of(job, "Provisions");
	plist_t list = tree_put_new(job->answer, "ProvisioningProfileList", PLIST_ARRAY);
	bool managed = tree_bool(job->command, "ManagedOnly");

	for (uint32_t i = 0; i < plist_array_get_size(from); i++)
		if (!managed || tree_bool(plist_array_get_item(from, i), "Managed"))
			copy_without(list, plist_array_get_item(from, i), "Managed", "AppID", "Certificates");
}

plist_t
hold_provision(TALLOC_CTX *ctx, struct handset *h, struct bytes file)
{
	plist_t root = tree_read(ctx, message_open(ctx, file, NULL, NULL, "the provisioning profile"), PLIST_DICT,
				 "the provisioning profile");
	const char *uuid = tree_must_text(root, "UUID", "the provisioning profile");
	plist_t expires = tree_must(root, "ExpirationDate", PLIST_DATE, "the provisioning profile");
	plist_t list = tree_at(h->state, "Provisions", PLIST_ARRAY), one;
	uint32_t i;

	if (tree_find(list, "UUID", uuid, &i))
		plist_array_remove_item(list, i);
	one = plist_new_dict();
	tree_put_text(one, "Name", tree_must_text(root, "Name", "the provisioning profile"));
	tree_put_text(one, "UUID", uuid);
	tree_put(one, "ExpiryDate", plist_copy(expires));
	tree_put_text(one, "AppID", tree_text(tree_at(root, "Entitlements", PLIST_DICT), "application-identifier"));
	tree_put(one, "Certificates", plist_copy(tree_must(root, "DeveloperCertificates", PLIST_ARRAY, "the provisioning profile")));
	tree_put_bool(one, "Managed", true);
	plist_array_append_item(list, one);
	return one;
}

/* No error when it is there already. */
void
do_install_provision(struct job *job)
{
	hold_provision(job->ctx, job->h, tree_data(job->command, "ProvisioningProfile"));
}

void
do_remove_provision(struct job *job)
{
	uint32_t i;

	if (tree_find(list_of(job, "Provisions"), "UUID", tree_must_text(job->command, "UUID", "RemoveProvisioningProfile"), &i))
		launches_after_removal(job->world, job->h, i);
	else
		job_fail(job, "MCProvisioningErrorDomain", 25005, "The provisioning profile is not installed.");
}
