-- Apps on managed devices: what a device is to have, and how far its installation is.

CREATE TABLE managed_app (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	bundle_id	TEXT NOT NULL,
	build_id	TEXT,				-- what is wanted there; NULL: it is to go
	cause		TEXT NOT NULL CHECK (cause IN ('asked', 'required', 'current', 'admin')),
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'queued', 'sent', 'acknowledged', 'installing', 'installed',
			'declined', 'failed', 'timed_out', 'removing', 'removed')),
	why		TEXT NOT NULL DEFAULT '',	-- a word of managed_app_rule.h
	detail		TEXT NOT NULL DEFAULT '',	-- as the device put it
	install_id	TEXT,				-- its timeline
	command_uuid	TEXT NOT NULL DEFAULT '',	-- the last: an answer to any other is not about this
	attempts	BIGINT NOT NULL DEFAULT 0,	-- commands since somebody asked, or another build was wanted
	polls		BIGINT NOT NULL DEFAULT 0,	-- lists asked since the device took the last one
	began		BIGINT NOT NULL DEFAULT 0,	-- when it did
	exact		BOOLEAN NOT NULL DEFAULT FALSE,	-- this very version, though a newer one is there (promoted back)
	ours		BOOLEAN NOT NULL DEFAULT FALSE,	-- it came by us: so it may go by us
	configuration	TEXT NOT NULL DEFAULT '',	-- what the device has: app_configuration's id and version; "? <uuid> " before: sent by
							-- that command, and not answered
	due		BIGINT,				-- when it is looked at next; NULL: it is at an end
	changed		BIGINT NOT NULL,
	PRIMARY KEY (device_id, bundle_id)
);
CREATE INDEX managed_app_due ON managed_app (due) WHERE due IS NOT NULL;
CREATE INDEX managed_app_bundle ON managed_app (bundle_id, device_id);

-- How an app is kept current, and what becomes of it.
CREATE TABLE rollout (
	app_id		TEXT PRIMARY KEY REFERENCES app (id) ON DELETE CASCADE,
	keep_current	BOOLEAN NOT NULL,		-- newer builds go out by themselves
	pace		TEXT NOT NULL CHECK (pace IN ('day', 'step')),	-- a wave a day, or when somebody says so
	percent		BIGINT NOT NULL,		-- of the devices, in one wave
	paused		BOOLEAN NOT NULL,
	hours		TEXT NOT NULL,			-- "22:00-05:00": when installs may begin; '': any time
	zone		TEXT NOT NULL CHECK (zone IN ('device', 'server')),	-- whose clock that is
	back		BOOLEAN NOT NULL,		-- an older build that was promoted again goes out, too
	remove_on_leave	BOOLEAN NOT NULL,		-- it goes when its person does not see it any more
	with_management	BOOLEAN NOT NULL,		-- ManagementFlags 1: it goes with the enrollment
	no_backup	BOOLEAN NOT NULL,		-- ManagementFlags 4
	changed		BIGINT NOT NULL
);

-- How far a build has gone out: to those devices whose number of 100 is below `reached`.
CREATE TABLE rollout_wave (
	app_id		TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
	build_id	TEXT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
	reached		BIGINT NOT NULL,		-- percent
	stopped		BOOLEAN NOT NULL DEFAULT FALSE,	-- by somebody: it goes to no further device
	began		BIGINT NOT NULL,
	changed		BIGINT NOT NULL,		-- its last step
	PRIMARY KEY (app_id, build_id)
);

-- Managed app configuration, by audience.
CREATE TABLE app_configuration (
	id		TEXT PRIMARY KEY,
	app_id		TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
	name		TEXT NOT NULL,
	audience_id	TEXT REFERENCES audience (id),	-- NULL: everyone
	place		BIGINT NOT NULL,		-- the first that fits counts
	configuration	{blob} NOT NULL,		-- JSON, sealed
	version		BIGINT NOT NULL,		-- each change is another
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX app_configuration_app ON app_configuration (app_id, place);
CREATE INDEX app_configuration_audience ON app_configuration (audience_id) WHERE audience_id IS NOT NULL;

-- Which apps somebody must have.
CREATE INDEX channel_required ON channel (app_id) WHERE required;

-- A device's own way to an app's files: lives as long as the enrollment does.
ALTER TABLE install_grant ADD COLUMN enrollment_id TEXT;
CREATE INDEX install_grant_enrollment ON install_grant (enrollment_id) WHERE enrollment_id IS NOT NULL;
