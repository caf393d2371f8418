#pragma once
/*
 * field_rows - every fact of the groups network, device and compliance: where it stands in an answer, and what becomes
 * of it in the API and on the page.
 *
 * For test_inventory.c, which reads it, and test_device_fields.c, which shows it.
 *
 *	R(group, name, request type, where in the answer, Apple's key, its value, in the API, on the page)
 */

#define INFO "DeviceInformation", "QueryResponses"
#define SECURITY "SecurityInfo", "SecurityInfo"

struct field { const char *group, *name, *request_type, *from, *key, *value, *expected, *shown; };

#define FIELDS(R) \
	R(network, bluetooth_mac, INFO, "BluetoothMAC", "<string>00:00:5e:00:53:2b</string>", "\"00:00:5e:00:53:2b\"", "00:00:5e:00:53:2b") \
	R(network, wifi_mac, INFO, "WiFiMAC", "<string>00:00:5e:00:53:2a</string>", "\"00:00:5e:00:53:2a\"", "00:00:5e:00:53:2a") \
	R(network, iccid, INFO, "ICCID", "<string>8949 0000 0000 0000 007</string>", "\"8949 0000 0000 0000 007\"", "8949 0000 0000 0000 007") \
	R(network, current_carrier, INFO, "CurrentCarrierNetwork", "<string>Example Mobile</string>", "\"Example Mobile\"", "Example Mobile") \
	R(network, sim_carrier, INFO, "SubscriberCarrierNetwork", "<string>Example Home</string>", "\"Example Home\"", "Example Home") \
	R(network, carrier_settings, INFO, "CarrierSettingsVersion", "<string>41.7.46</string>", "\"41.7.46\"", "41.7.46") \
	R(network, phone_number, INFO, "PhoneNumber", "<string>+49 30 901820</string>", "\"+49 30 901820\"", "+49 30 901820") \
	R(network, data_roaming, INFO, "DataRoamingEnabled", "<false/>", "false", "no") \
	R(network, roaming, INFO, "IsRoaming", "<true/>", "true", "yes") \
	R(network, hotspot, INFO, "PersonalHotspotEnabled", "<true/>", "true", "yes") \
	R(device, name, INFO, "DeviceName", "<string>Anna\xe2\x80\x99s iPhone</string>", "\"Anna\xe2\x80\x99s iPhone\"", "Anna\xe2\x80\x99s iPhone") \
	R(device, udid, INFO, "UDID", "<string>00008120-001A2B3C4D5E801E</string>", "\"00008120-001A2B3C4D5E801E\"", "00008120-001A2B3C4D5E801E") \
	R(device, imei, INFO, "IMEI", "<string>35 000000 000000 0</string>", "\"35 000000 000000 0\"", "35 000000 000000 0") \
	R(device, serial, INFO, "SerialNumber", "<string>EXMPL0000042</string>", "\"EXMPL0000042\"", "EXMPL0000042") \
	R(device, model_name, INFO, "ModelName", "<string>iPhone</string>", "\"iPhone\"", "iPhone") \
	R(device, model_number, INFO, "ModelNumber", "<string>MK1A3LL/A</string>", "\"MK1A3LL/A\"", "MK1A3LL/A") \
	R(device, product, INFO, "ProductName", "<string>iPhone14,5</string>", "\"iPhone14,5\"", "iPhone14,5") \
	R(device, os_version, INFO, "OSVersion", "<string>17.5.1</string>", "\"17.5.1\"", "17.5.1") \
	R(device, os_build, INFO, "BuildVersion", "<string>21F90</string>", "\"21F90\"", "21F90") \
	R(device, os_extra, INFO, "SupplementalOSVersionExtra", "<string>(a)</string>", "\"(a)\"", "(a)") \
	R(device, modem_firmware, INFO, "ModemFirmwareVersion", "<string>4.04.00</string>", "\"4.04.00\"", "4.04.00") \
	R(device, capacity_gb, INFO, "DeviceCapacity", "<real>128</real>", "128.0", "128\xc2\xa0GB") \
	R(device, free_gb, INFO, "AvailableDeviceCapacity", "<real>21.5</real>", "21.5", "21.5\xc2\xa0GB") \
	R(device, battery, INFO, "BatteryLevel", "<real>0.64</real>", "0.64", "64 %") \
	R(device, time_zone, INFO, "TimeZone", "<string>Europe/Berlin</string>", "\"Europe/Berlin\"", "Europe/Berlin") \
	R(device, supervised, INFO, "IsSupervised", "<false/>", "false", "no") \
	R(device, lost_mode, INFO, "IsMDMLostModeEnabled", "<true/>", "true", "yes") \
	R(device, find_my, INFO, "IsDeviceLocatorServiceEnabled", "<true/>", "true", "yes") \
	R(device, cloud_backup, INFO, "IsCloudBackupEnabled", "<true/>", "true", "yes") \
	R(device, last_cloud_backup, INFO, "LastCloudBackupDate", "<date>2026-11-21T03:00:00Z</date>", "\"2026-11-21T03:00:00Z\"", "21 November 2026, 03:00 UTC") \
	R(compliance, hardware_encryption, SECURITY, "HardwareEncryptionCaps", "<integer>3</integer>", "3", "3") \
	R(compliance, passcode_present, SECURITY, "PasscodePresent", "<true/>", "true", "yes") \
	R(compliance, passcode_compliant, SECURITY, "PasscodeCompliant", "<false/>", "false", "no") \
	R(compliance, passcode_compliant_with_mobileconfigs, SECURITY, "PasscodeCompliantWithProfiles", "<true/>", "true", "yes") \
	R(compliance, passcode_grace_s, SECURITY, "PasscodeLockGracePeriodEnforced", "<integer>0</integer>", "0", "0 s") \
	R(compliance, auto_lock_s, SECURITY, "AutoLockTime", "<integer>60</integer>", "60", "60 s") \
	R(compliance, user_enrollment, SECURITY, "ManagementStatus", "<dict><key>IsUserEnrollment</key><true/></dict>", "true", "yes")
