/*
 * Every command that an iPhone knows, and what each needs: the table, and the simple ones.
 */
#include <string.h>
#include "tests/device/world.h"

static void
do_nothing(struct job *job)
{
	(void)job;
}

static const struct {
	const char *request_type;
	command_fn *run;
	int rights;		/* AccessRights; all of these bits */
	bool supervised;
} commands[] = {
	{ "DeviceInformation",          do_device_information, 0, false },
	{ "SecurityInfo",               do_security_info,      1024, false },
	{ "Settings",                   do_settings,           0, false },
	{ "DeviceLock",                 do_lock,               4, false },
	{ "ClearPasscode",              do_clear_passcode,     4, false },
	{ "EraseDevice",                do_erase,              8, false },
	{ "RestartDevice",              do_restart,            4, true },
	{ "ShutDownDevice",             do_restart,            4, true },
	{ "EnableLostMode",             do_lost_mode_on,       0, true },
	{ "DisableLostMode",            do_lost_mode_off,      0, true },
	{ "DeviceLocation",             do_location,           0, true },
	{ "PlayLostModeSound",          do_lost_mode_sound,    0, true },
	{ "ProfileList",                do_profile_list,       1, false },
	{ "ProvisioningProfileList",    do_provisioning_list,  64, false },
	{ "CertificateList",            do_certificate_list,   1, false },
	{ "Restrictions",               do_restrictions,       512, false },
	{ "InstallProfile",             do_install_profile,    2, false },
	{ "RemoveProfile",              do_remove_profile,     2, false },
	{ "InstallProvisioningProfile", do_install_provision,  128, false },
	{ "RemoveProvisioningProfile",  do_remove_provision,   128, false },
	{ "InstalledApplicationList",   do_installed_list,     256, false },
	{ "ManagedApplicationList",     do_managed_list,       4096, false },
	{ "InstallApplication",         do_install_app,        4096, false },
	{ "RemoveApplication",          do_remove_app,         4096, false },
	{ "ManagedApplicationConfiguration", do_app_configuration, 4096, false },
	{ "ManagedApplicationFeedback", do_app_feedback,       4096, false },
	{ "ManagedApplicationAttributes", do_app_attributes,   4096, false },
	{ "ValidateApplications",       do_validate,           4096, false },
	{ "DeclarativeManagement",      do_declarative,        0, false },
	{ "RequestMirroring",           do_nothing,            0, false },
	{ "StopMirroring",              do_nothing,            0, true },
};

void
command_run(struct job *job, const char *request_type)
{
	int64_t rights = tree_int(handset_enrollment(job->h), "AccessRights", 0);
	bool supervised = tree_bool(tree_at(job->h->state, "Device", PLIST_DICT), "IsSupervised");

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(request_type, commands[i].request_type) != 0)
			continue;
		if ((rights & commands[i].rights) != commands[i].rights)
			job_fail(job, "MCMDMErrorDomain", 12024, "The MDM server does not have the access rights for it.");
		else if (commands[i].supervised && !supervised)
			job_fail(job, "MCMDMErrorDomain", 12064, "The device is not supervised.");
		else
			commands[i].run(job);
		return;
	}
	job->status = "CommandFormatError";
}
