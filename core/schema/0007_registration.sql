-- Devices that testers registered for ad hoc builds (Profile Service, phase 1).

CREATE TABLE registration_challenge (
	hash		TEXT PRIMARY KEY,		-- of the one-time Challenge in the mobileconfig
	link_id		TEXT NOT NULL REFERENCES link (id) ON DELETE CASCADE,
	expires		BIGINT NOT NULL,
	created		BIGINT NOT NULL
);
CREATE INDEX registration_challenge_link ON registration_challenge (link_id);

CREATE TABLE tester_device (
	id		TEXT PRIMARY KEY,		-- names it in URLs, never the UDID
	udid		TEXT NOT NULL UNIQUE,
	product		TEXT NOT NULL DEFAULT '',	-- "iPhone15,4"
	os		TEXT NOT NULL DEFAULT '',
	name		TEXT NOT NULL DEFAULT '',
	contact_id	TEXT REFERENCES contact (id) ON DELETE SET NULL,
	link_id		TEXT REFERENCES link (id) ON DELETE SET NULL,
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX tester_device_contact ON tester_device (contact_id);
