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
CREATE INDEX mobileconfig_person ON mobileconfig (person_id) WHERE person_id IS NOT NULL;

-- title and variables stand in the form too; here they can be read without unsealing it.
CREATE TABLE mobileconfig_version (
	mobileconfig_id	TEXT NOT NULL REFERENCES mobileconfig (id) ON DELETE CASCADE,
	version		BIGINT NOT NULL,
	title		TEXT NOT NULL,			-- PayloadDisplayName
	variables	TEXT NOT NULL,			-- JSON: their names
	form		{blob} NOT NULL,		-- JSON of mdm/mobileconfig_form.h, sealed when it holds a secret
	sealed		BOOLEAN NOT NULL,
	note		TEXT NOT NULL DEFAULT '',
	created_by	TEXT NOT NULL,
	created		BIGINT NOT NULL,
	PRIMARY KEY (mobileconfig_id, version)
);

CREATE TABLE assignment (
	id		TEXT PRIMARY KEY,		-- in URLs: "sales", or ours
	mobileconfig_id	TEXT NOT NULL REFERENCES mobileconfig (id) ON DELETE CASCADE,
	audience_id	TEXT REFERENCES audience (id),	-- NULL: everyone
	devices		TEXT NOT NULL,			-- JSON: which of their devices (catalog/assignment_filter.h)
	created		BIGINT NOT NULL
);
CREATE INDEX assignment_mobileconfig ON assignment (mobileconfig_id);
CREATE INDEX assignment_audience ON assignment (audience_id) WHERE audience_id IS NOT NULL;

-- Which mobileconfigs a device ought to have, or to lose, and how far that is.  The row outlives its mobileconfig
-- until the device is rid of it.
--	wanted		to be queued once `due` has come
--	queued		a command waits for the device, or is with it
--	taken		acknowledged; ProfileList has not said so yet
--	installed	ProfileList has it
--	failed		the device refused, or did not do it; tried again once `due` has come; NULL: given up
--	blocked		cannot go out as things are: `why`; looked at again when something changes
CREATE TABLE device_mobileconfig (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	mobileconfig_id	TEXT NOT NULL,
	identifier	TEXT NOT NULL,
	goal		TEXT NOT NULL CHECK (goal IN ('install', 'remove')),
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'queued', 'taken', 'installed', 'failed', 'blocked')),
	version		BIGINT NOT NULL,		-- that it ought to have
	wish		TEXT NOT NULL,			-- hash of this version and of the values of its variables
	sent		TEXT NOT NULL DEFAULT '',	-- the wish that was written for it last; '': it never got one
	sent_version	BIGINT NOT NULL DEFAULT 0,
	listed		TEXT NOT NULL DEFAULT '',	-- hash of what ProfileList said when it was installed
	code		TEXT NOT NULL DEFAULT '',	-- why: "missing_variable", "no_right", "device", ...
	why		TEXT NOT NULL DEFAULT '',	-- and in words: the device's own, or the names that are missing
	attempts	BIGINT NOT NULL DEFAULT 0,	-- that failed
	repairs		BIGINT NOT NULL DEFAULT 0,	-- times that it was not as it was left
	due		BIGINT,				-- when the reconciler looks again; NULL: when something changes
	changed		BIGINT NOT NULL,
	PRIMARY KEY (device_id, mobileconfig_id)
);
CREATE INDEX device_mobileconfig_due ON device_mobileconfig (due) WHERE due IS NOT NULL;
CREATE INDEX device_mobileconfig_of ON device_mobileconfig (mobileconfig_id, device_id, state);

-- Devices for which it must be found out anew what they ought to have: written in the transaction of each cause.
CREATE TABLE desired_due (
	device_id	TEXT PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
	at		BIGINT NOT NULL
);

-- What is known of a person besides their row, for %variables%.
CREATE TABLE person_attribute (
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	name		TEXT NOT NULL,			-- lower case: names of attributes have no case (RFC 4512)
	value		TEXT NOT NULL,
	PRIMARY KEY (person_id, name)
);
