#pragma once
/*
 * fact - what a device says about itself, one row each; the lists (apps, provisions, mobileconfigs, certificates)
 * are tables of their own (mdm/inventory.h).
 *
 * F(group, name, source, key, type, also, sim)
 *   name	in the API and in `device_fact`; its words are fact_<name>
 *   source	DEVICE: DeviceInformation, SECURITY: SecurityInfo
 *   key	Apple's; a dot goes into a dictionary
 *   type	TEXT, BOOL, INT, REAL, TIME
 *   also	another key with the same meaning, of other releases of iOS; NULL: none
 *   sim	since iOS 16 the phone says it for each SIM, in ServiceSubscriptions: that of the one for data, or
 *		the first, stands for the phone
 */
#include <stdbool.h>
#include <stddef.h>

#define FACTS(F) \
	F(NETWORK,    bluetooth_mac,	DEVICE,   "BluetoothMAC",		TEXT, NULL, false) \
	F(NETWORK,    wifi_mac,		DEVICE,   "WiFiMAC",			TEXT, NULL, false) \
	F(NETWORK,    iccid,		DEVICE,   "ICCID",			TEXT, NULL, true) \
	F(NETWORK,    current_carrier,	DEVICE,   "CurrentCarrierNetwork",	TEXT, NULL, true) \
	F(NETWORK,    sim_carrier,	DEVICE,   "SubscriberCarrierNetwork",	TEXT, "SIMCarrierNetwork", true) \
	F(NETWORK,    carrier_settings,	DEVICE,   "CarrierSettingsVersion",	TEXT, NULL, true) \
	F(NETWORK,    phone_number,	DEVICE,   "PhoneNumber",		TEXT, NULL, true) \
	F(NETWORK,    data_roaming,	DEVICE,   "DataRoamingEnabled",		BOOL, NULL, false) \
	F(NETWORK,    roaming,		DEVICE,   "IsRoaming",			BOOL, NULL, true) \
	F(NETWORK,    hotspot,		DEVICE,   "PersonalHotspotEnabled",	BOOL, NULL, false) \
	F(DEVICE,     name,		DEVICE,   "DeviceName",			TEXT, NULL, false) \
	F(DEVICE,     udid,		DEVICE,   "UDID",			TEXT, NULL, false) \
	F(DEVICE,     imei,		DEVICE,   "IMEI",			TEXT, NULL, true) \
	F(DEVICE,     serial,		DEVICE,   "SerialNumber",		TEXT, NULL, false) \
	F(DEVICE,     model_name,	DEVICE,   "ModelName",			TEXT, NULL, false) \
	F(DEVICE,     model_number,	DEVICE,   "ModelNumber",		TEXT, "Model", false) \
	F(DEVICE,     product,		DEVICE,   "ProductName",		TEXT, NULL, false) \
	F(DEVICE,     os_version,	DEVICE,   "OSVersion",			TEXT, NULL, false) \
	F(DEVICE,     os_build,		DEVICE,   "BuildVersion",		TEXT, NULL, false) \
	F(DEVICE,     os_extra,		DEVICE,   "SupplementalOSVersionExtra",	TEXT, NULL, false) \
	F(DEVICE,     modem_firmware,	DEVICE,   "ModemFirmwareVersion",	TEXT, NULL, false) \
	F(DEVICE,     capacity_gb,	DEVICE,   "DeviceCapacity",		REAL, NULL, false) \
	F(DEVICE,     free_gb,		DEVICE,   "AvailableDeviceCapacity",	REAL, NULL, false) \
	F(DEVICE,     battery,		DEVICE,   "BatteryLevel",		REAL, NULL, false) \
	F(DEVICE,     time_zone,	DEVICE,   "TimeZone",			TEXT, NULL, false) \
	F(DEVICE,     supervised,	DEVICE,   "IsSupervised",		BOOL, NULL, false) \
	F(DEVICE,     lost_mode,	DEVICE,   "IsMDMLostModeEnabled",	BOOL, NULL, false) \
	F(DEVICE,     find_my,		DEVICE,   "IsDeviceLocatorServiceEnabled", BOOL, NULL, false) \
	F(DEVICE,     cloud_backup,	DEVICE,   "IsCloudBackupEnabled",	BOOL, NULL, false) \
	F(DEVICE,     last_cloud_backup, DEVICE,  "LastCloudBackupDate",	TIME, NULL, false) \
	F(COMPLIANCE, hardware_encryption, SECURITY, "HardwareEncryptionCaps",	INT, NULL, false) \
	F(COMPLIANCE, passcode_present,	SECURITY, "PasscodePresent",		BOOL, NULL, false) \
	F(COMPLIANCE, passcode_compliant, SECURITY, "PasscodeCompliant",	BOOL, NULL, false) \
	F(COMPLIANCE, passcode_compliant_with_mobileconfigs, SECURITY, "PasscodeCompliantWithProfiles", BOOL, NULL, false) \
	F(COMPLIANCE, passcode_grace_s,	SECURITY, "PasscodeLockGracePeriodEnforced", INT, "PasscodeLockGracePeriod", false) \
	F(COMPLIANCE, auto_lock_s,	SECURITY, "AutoLockTime",		INT, NULL, false) \
	F(COMPLIANCE, user_enrollment,	SECURITY, "ManagementStatus.IsUserEnrollment", BOOL, NULL, false)

/* A fact that is no key: the whole GlobalRestrictions of Restrictions, as JSON. */
#define FACT_RESTRICTIONS	"restrictions"
/* The SIMs as the phone lists them. */
#define FACT_SIMS		"sims"

enum fact_group { FACT_NETWORK, FACT_DEVICE, FACT_APPS, FACT_COMPLIANCE, FACT_GROUPS };
enum fact_source { FACT_FROM_DEVICE, FACT_FROM_SECURITY };
enum fact_type { FACT_TEXT, FACT_BOOL, FACT_INT, FACT_REAL, FACT_TIME };

struct fact {
	enum fact_group group;
	const char *name;
	enum fact_source source;
	const char *key;
	enum fact_type type;
	const char *also;
	bool sim;
};

extern const struct fact fact_table[];
extern const size_t fact_table_n;

const char *fact_group_name(enum fact_group group);	/* "network" */

/* Every key of DeviceInformation that a fact is made of; *n of them. */
const char *const *fact_queries(size_t *n);
