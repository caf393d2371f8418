-- What devices reported.  No row, or NULL: not reported, which is not the same as empty.

CREATE TABLE device_fact (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	name		TEXT NOT NULL,			-- a row of mdm/fact.h
	value		TEXT NOT NULL,			-- JSON
	at		BIGINT NOT NULL,
	PRIMARY KEY (device_id, name)
);

-- Its last answers.  A row says, too, that the list was reported: an empty one is not a missing one.
CREATE TABLE device_report (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	request_type	TEXT NOT NULL,
	at		BIGINT NOT NULL,
	answer		{blob} NOT NULL,		-- raw, core/pack.h
	PRIMARY KEY (device_id, request_type)
);

CREATE TABLE installed_app (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	bundle_id	TEXT NOT NULL,
	name		TEXT,
	version		TEXT,				-- CFBundleVersion
	short_version	TEXT,
	size		BIGINT,				-- of the app, bytes
	data_size	BIGINT,
	installed	BOOLEAN NOT NULL,		-- InstalledApplicationList has it
	managed		BOOLEAN NOT NULL,		-- ManagedApplicationList has it
	state		TEXT,				-- ManagedApplicationList's Status
	installing	BOOLEAN,
	at		BIGINT NOT NULL,
	PRIMARY KEY (device_id, bundle_id)
);
CREATE INDEX installed_app_bundle ON installed_app (bundle_id, version);

CREATE TABLE installed_provision (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	uuid		TEXT NOT NULL,
	name		TEXT,
	expires		BIGINT,
	at		BIGINT NOT NULL,
	PRIMARY KEY (device_id, uuid)
);
CREATE INDEX installed_provision_uuid ON installed_provision (uuid);

CREATE TABLE installed_mobileconfig (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	identifier	TEXT NOT NULL,
	uuid		TEXT,
	name		TEXT,
	organization	TEXT,
	version		BIGINT,
	managed		BOOLEAN,
	encrypted	BOOLEAN,
	removable	BOOLEAN,
	payloads	TEXT NOT NULL DEFAULT '[]',	-- JSON: types and identifiers
	at		BIGINT NOT NULL,
	PRIMARY KEY (device_id, identifier)
);

CREATE TABLE installed_certificate (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	sha256		TEXT NOT NULL,
	name		TEXT,
	identity	BOOLEAN,
	expires		BIGINT,
	at		BIGINT NOT NULL,
	PRIMARY KEY (device_id, sha256)
);
