-- Devices that testers registered for ad hoc builds (Profile Service, phase 1), and the builds that list them.

CREATE TABLE tester_device (
	id		TEXT PRIMARY KEY,		-- names it in URLs, never the UDID
	udid		TEXT NOT NULL UNIQUE,
	product		TEXT NOT NULL,			-- "iPhone15,4"
	version		TEXT NOT NULL,			-- of iOS, mostly its build: "22B83"
	name		TEXT NOT NULL,			-- its own; '' where it did not say
	label		TEXT NOT NULL DEFAULT '',	-- what publishers call it
	contact_id	TEXT REFERENCES contact (id) ON DELETE CASCADE,
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX tester_device_contact ON tester_device (contact_id);
CREATE INDEX tester_device_created ON tester_device (created, id);

CREATE TABLE registration_challenge (
	hash		TEXT PRIMARY KEY,		-- of the one-time Challenge in the mobileconfig
	link_id		TEXT NOT NULL REFERENCES link (id) ON DELETE CASCADE,
	device_id	TEXT REFERENCES tester_device (id) ON DELETE CASCADE,	-- that answered it
	view		TEXT NOT NULL DEFAULT '',	-- hash of what opens the page after it; '' until it is used
	expires		BIGINT NOT NULL,
	created		BIGINT NOT NULL
);
CREATE INDEX registration_challenge_link ON registration_challenge (link_id);
CREATE UNIQUE INDEX registration_challenge_view ON registration_challenge (view) WHERE view <> '';

-- Answers to one link that were refused in the hour since `since`: audited and looked at up to a limit.
CREATE TABLE registration_refusal (
	link_id		TEXT PRIMARY KEY REFERENCES link (id) ON DELETE CASCADE,
	since		BIGINT NOT NULL,
	count		BIGINT NOT NULL
);

-- The apps that a device was registered for, with what its link said, since links end.
CREATE TABLE device_app (
	device_id	TEXT NOT NULL REFERENCES tester_device (id) ON DELETE CASCADE,
	app_id		TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
	link_id		TEXT REFERENCES link (id) ON DELETE SET NULL,
	channel_id	TEXT REFERENCES channel (id) ON DELETE SET NULL,	-- NULL: to one build
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,		-- who sent the link
	pin		BOOLEAN NOT NULL,
	sign_in		BOOLEAN NOT NULL,
	since		BIGINT NOT NULL,		-- the link was made: newer builds will do as well
	state		TEXT NOT NULL CHECK (state IN ('waiting', 'invited')),
	build_id	TEXT REFERENCES build (id) ON DELETE SET NULL,		-- that lists it: invited
	told		BOOLEAN NOT NULL DEFAULT FALSE,				-- by a message of ours
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL,
	PRIMARY KEY (device_id, app_id)
);
CREATE INDEX device_app_app ON device_app (app_id, state);
CREATE INDEX device_app_link ON device_app (link_id);

-- The devices that a build installs on: those its provisions list, or '*' where they list none by name.
CREATE TABLE build_device (
	build_id	TEXT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
	udid		TEXT NOT NULL,
	PRIMARY KEY (build_id, udid)
);
CREATE INDEX build_device_udid ON build_device (udid);

-- For builds that are here already.
INSERT INTO job (id, kind, args, created, due)
	SELECT 'registration-fill', 'registration_fill', '[]', 0, 0 WHERE EXISTS (SELECT 1 FROM build);
