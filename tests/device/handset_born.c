/*
 * A new iPhone out of its box, with a name, a SIM card, and a value for every question of DeviceInformation and
 * SecurityInfo that iOS answers.
 */
#include "tests/device/handset.h"
#include <stdio.h>
#include <string.h>

static const struct { const char *product, *model, *number, *name; } models[] = {
	{ "iPhone15,4", "MTP03", "A3090", "iPhone 15" }, { "iPhone14,5", "MLPF3", "A2633", "iPhone 13" },
	{ "iPhone17,3", "MYE73", "A3287", "iPhone 16" }, { "iPhone12,8", "MX9R2", "A2296", "iPhone SE" },
};
static const char *const owners[] = { "Anna", "Mia", "Paul", "Jo", "Kim", "Lee", "Max", "Noa" };

/* kind(name, value): T text, B boolean, R real, I integer; %d is the phone's number. */
#define DEVICE_VALUES(T, B, R, I) \
	T("OSVersion", "18.1") \
	T("SupplementalOSVersionExtra", "(a)") \
	T("BuildVersion", "22B83") \
	T("SupplementalBuildVersion", "22B83") \
	T("MEID", "3520000%07d") \
	T("ModemFirmwareVersion", "2.20.03") \
	R("DeviceCapacity", 119.0) \
	R("AvailableDeviceCapacity", 64.25) \
	R("BatteryLevel", 0.75) \
	I("CellularTechnology", 3) \
	B("IsSupervised", false) \
	B("IsMultiUser", false) \
	B("IsDeviceLocatorServiceEnabled", true) \
	B("IsActivationLockEnabled", true) \
	B("IsDoNotDisturbInEffect", false) \
	B("IsCloudBackupEnabled", true) \
	B("IsMDMLostModeEnabled", false) \
	B("AwaitingConfiguration", false) \
	B("iTunesStoreAccountIsActive", true) \
	T("iTunesStoreAccountHash", "zXy3bm8tYSBwaG9uZSBvZiB0ZXN0cy4=") \
	T("EASDeviceIdentifier", "EAS%029d") \
	B("DiagnosticSubmissionEnabled", false) \
	B("AppAnalyticsEnabled", false) \
	T("TimeZone", "Europe/Berlin") \
	T("ICCID", "8949020000%010d") \
	T("BluetoothMAC", "a4:83:e7:00:%02x:%02x") \
	T("WiFiMAC", "a4:83:e8:00:%02x:%02x") \
	T("CurrentCarrierNetwork", "Example Mobile") \
	T("SubscriberCarrierNetwork", "Example Mobile") \
	T("CarrierSettingsVersion", "61.0.1") \
	T("PhoneNumber", "+4915100%06d") \
	B("DataRoamingEnabled", false) \
	B("VoiceRoamingEnabled", true) \
	B("PersonalHotspotEnabled", false) \
	B("IsNetworkTethered", false) \
	B("IsRoaming", false) \
	T("SubscriberMCC", "262") \
	T("SubscriberMNC", "01") \
	T("CurrentMCC", "262") \
	T("CurrentMNC", "01") \
	T("SoftwareUpdateDeviceID", "iPhone15,4-N%d")

/* The same number for each %: two of them are its bytes. */
static void
put_numbered(plist_t dict, const char *key, const char *format, int number)
{
	const char *second = strchr(format, '%');
	char text[128];

	second = second ? strchr(second + 1, '%') : NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (second)
		snprintf(text, sizeof text, format, number >> 8 & 0xff, number & 0xff);
	else
		snprintf(text, sizeof text, format, number);
#pragma GCC diagnostic pop
	tree_put_text(dict, key, text);
}

static void
put_subscription(plist_t device)
{
	plist_t list = tree_put_new(device, "ServiceSubscriptions", PLIST_ARRAY), one = plist_new_dict();
	static const char *const same[] = { "CarrierSettingsVersion", "CurrentCarrierNetwork", "CurrentMCC", "CurrentMNC",
					    "ICCID", "IMEI", "MEID", "PhoneNumber", "IsRoaming" };

	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		tree_copy(one, same[i], device);
	tree_put_bool(one, "IsDataPreferred", true);
	tree_put_bool(one, "IsVoicePreferred", true);
	tree_put_text(one, "Label", "Business");
	tree_put_text(one, "LabelID", "00000000-0000-0000-0000-000000000001");
	tree_put_text(one, "Slot", "CTSubscriptionSlotOne");
	plist_array_append_item(list, one);
}

static void
put_settings(plist_t device)
{
	plist_t organization = tree_put_new(device, "OrganizationInfo", PLIST_DICT);
	plist_t access = tree_put_new(device, "AccessibilitySettings", PLIST_DICT);
	static const char *const switches[] = { "BoldTextEnabled", "IncreaseContrastEnabled", "ReduceMotionEnabled",
						"ReduceTransparencyEnabled", "TouchAccommodationsEnabled",
						"VoiceOverEnabled", "ZoomEnabled" };

	tree_put_text(organization, "OrganizationName", "");
	tree_put_bool(tree_put_new(device, "MDMOptions", PLIST_DICT), "ActivationLockAllowedWhileSupervised", false);
	tree_put_int(tree_put_new(device, "SoftwareUpdateSettings", PLIST_DICT), "RecommendationsCadence", 0);
	for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
		tree_put_bool(access, switches[i], false);
	tree_put_int(access, "TextSize", 3);
	tree_put(device, "LastCloudBackupDate", plist_new_date(786000000, 0));	/* seconds since 2001 */
}

static void
put_model(plist_t device, const char *model)
{
	char text[32];

	snprintf(text, sizeof text, "%sZD/A", model);
	tree_put_text(device, "Model", text);
}

static void
device_values(plist_t state, int number)
{
	plist_t device = tree_put_new(state, "Device", PLIST_DICT);

	tree_copy(device, "UDID", state);
	tree_copy(device, "SerialNumber", state);
	tree_copy(device, "IMEI", state);
	tree_copy(device, "ProductName", state);
	tree_put_text(device, "DeviceName", tree_text(state, "Name"));
	tree_put_text(device, "ModelName", "iPhone");
	put_model(device, models[number % 4].model);
	tree_put_text(device, "ModelNumber", models[number % 4].number);
#define T(key, value) put_numbered(device, key, value, number);
#define B(key, value) tree_put_bool(device, key, value);
#define R(key, value) tree_put(device, key, plist_new_real(value));
#define I(key, value) tree_put_int(device, key, value);
	DEVICE_VALUES(T, B, R, I)
#undef T
#undef B
#undef R
#undef I
	put_subscription(device);
	put_settings(device);
}

static void
security_values(plist_t state)
{
	plist_t security = tree_put_new(state, "Security", PLIST_DICT);
	plist_t management = tree_put_new(security, "ManagementStatus", PLIST_DICT);

	tree_put_int(security, "HardwareEncryptionCaps", 3);
	tree_put_bool(security, "PasscodePresent", true);
	tree_put_bool(security, "PasscodeCompliant", true);
	tree_put_bool(security, "PasscodeCompliantWithProfiles", true);
	tree_put_int(security, "PasscodeLockGracePeriod", 0);
	tree_put_int(security, "PasscodeLockGracePeriodEnforced", 0);
	tree_put_int(security, "AutoLockTime", 120);
	tree_put_bool(management, "IsUserEnrollment", false);
}

/* From the App Store, before anybody managed it. */
static void
own_app(plist_t apps)
{
	plist_t app = plist_new_dict();

	tree_put_text(app, "Identifier", "com.example.weather");
	tree_put_text(app, "Name", "Weather & Wind");
	tree_put_text(app, "Version", "812");
	tree_put_text(app, "ShortVersion", "8.1.2");
	tree_put_int(app, "BundleSize", 73400320);
	tree_put_int(app, "DynamicSize", 1048576);
	plist_array_append_item(apps, app);
}

plist_t
handset_born(int number, const char *udid)
{
	plist_t state = plist_new_dict();
	SCOPED(mem) void *ctx = talloc_new(NULL);

	tree_put_int(state, "Number", number);
	tree_put_int(state, "Keys", 0);
	tree_put_text(state, "UDID", udid);
	tree_put_text(state, "SerialNumber", mem_printf(ctx, "F2LT%06d", number));
	tree_put_text(state, "IMEI", mem_printf(ctx, "35 000000 %06d 0", number));
	tree_put_text(state, "ProductName", models[number % 4].product);
	tree_put_text(state, "Name", mem_printf(ctx, "%s's %s", owners[number % 8], models[number % 4].name));
	device_values(state, number);
	security_values(state);
	own_app(tree_put_new(state, "Apps", PLIST_ARRAY));
	tree_put_new(state, "Provisions", PLIST_ARRAY);
	tree_put_new(state, "Mobileconfigs", PLIST_ARRAY);
	tree_put_new(state, "Certificates", PLIST_ARRAY);
	return state;
}
