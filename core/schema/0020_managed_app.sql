-- Apps on managed devices: what a device is to have, and how far its installation is.

CREATE TABLE managed_app (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	bundle_id	TEXT NOT NULL,
	build_id	TEXT,				-- what is wanted there; NULL: it is to go
	cause		TEXT NOT NULL CHECK (cause IN ('asked', 'required', 'current', 'admin')),
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'queued', 'sent', 'acknowledged', 'installing', 'installed',
			'declined', 'failed', 'timed_out', 'removing', 'removed')),
	why		TEXT NOT NULL DEFAULT '',
	install_id	TEXT,				-- its timeline
	attempts	BIGINT NOT NULL DEFAULT 0,
	due		BIGINT,				-- when it is looked at next: no state without an exit
	changed		BIGINT NOT NULL,
	PRIMARY KEY (device_id, bundle_id)
);
CREATE INDEX managed_app_due ON managed_app (due) WHERE due IS NOT NULL;
CREATE INDEX managed_app_bundle ON managed_app (bundle_id, state);

-- How an app is kept current.
CREATE TABLE rollout (
	app_id		TEXT PRIMARY KEY REFERENCES app (id) ON DELETE CASCADE,
	current		BOOLEAN NOT NULL DEFAULT FALSE,	-- newer builds go out by themselves
	percent		BIGINT NOT NULL DEFAULT 100,	-- of the devices, a day
	paused		BOOLEAN NOT NULL DEFAULT FALSE,
	hours		TEXT NOT NULL DEFAULT '',	-- "22:00-05:00": when installs may begin; '': any time
	changed		BIGINT NOT NULL
);

-- Managed app configuration, by audience.
CREATE TABLE app_configuration (
	id		TEXT PRIMARY KEY,
	app_id		TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
	audience_id	TEXT REFERENCES audience (id),	-- NULL: everyone
	place		BIGINT NOT NULL,		-- the first that fits counts
	configuration	{blob} NOT NULL,		-- JSON, sealed
	created		BIGINT NOT NULL
);
CREATE INDEX app_configuration_app ON app_configuration (app_id, place);
