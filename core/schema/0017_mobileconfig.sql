-- Mobileconfigs that the company keeps, for whom they are, and how far each device is.

-- purpose: 'device' goes out to the devices it is assigned to; 'own' is what a person fetches at /eas.
CREATE TABLE mobileconfig (
	id		TEXT PRIMARY KEY,
	name		TEXT NOT NULL UNIQUE,		-- in URLs: "wifi-office"
	purpose		TEXT NOT NULL CHECK (purpose IN ('device', 'own')),
	identifier	TEXT NOT NULL UNIQUE,		-- PayloadIdentifier: never changes
	version		BIGINT NOT NULL,		-- the current one
	person_id	TEXT REFERENCES person (id) ON DELETE CASCADE,	-- for this person alone; NULL: for its assignments
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);

CREATE TABLE mobileconfig_version (
	mobileconfig_id	TEXT NOT NULL REFERENCES mobileconfig (id) ON DELETE CASCADE,
	version		BIGINT NOT NULL,
	form		{blob} NOT NULL,		-- JSON of mdm/mobileconfig_form.h, sealed when it holds a secret
	sealed		BOOLEAN NOT NULL,
	note		TEXT NOT NULL DEFAULT '',
	created_by	TEXT NOT NULL,
	created		BIGINT NOT NULL,
	PRIMARY KEY (mobileconfig_id, version)
);

CREATE TABLE assignment (
	id		TEXT PRIMARY KEY,
	mobileconfig_id	TEXT NOT NULL REFERENCES mobileconfig (id) ON DELETE CASCADE,
	audience_id	TEXT REFERENCES audience (id),	-- NULL: everyone
	devices		TEXT NOT NULL DEFAULT '',	-- JSON: which of their devices
	created		BIGINT NOT NULL
);
CREATE INDEX assignment_mobileconfig ON assignment (mobileconfig_id);
CREATE INDEX assignment_audience ON assignment (audience_id) WHERE audience_id IS NOT NULL;

-- What a device ought to have, and how far that is.
CREATE TABLE device_mobileconfig (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	mobileconfig_id	TEXT NOT NULL,
	version		BIGINT NOT NULL,
	hash		TEXT NOT NULL DEFAULT '',	-- of what was sent last, filled in
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'sent', 'installed', 'failed', 'removing')),
	why		TEXT NOT NULL DEFAULT '',
	attempts	BIGINT NOT NULL DEFAULT 0,
	due		BIGINT,				-- when the reconciler looks again; NULL: when something changes
	changed		BIGINT NOT NULL,
	PRIMARY KEY (device_id, mobileconfig_id)
);
CREATE INDEX device_mobileconfig_due ON device_mobileconfig (due) WHERE due IS NOT NULL;

-- What the directory says of a person, for %variables%.
CREATE TABLE person_attribute (
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	name		TEXT NOT NULL,
	value		TEXT NOT NULL,
	PRIMARY KEY (person_id, name)
);
