-- Provisions, which bundles of which builds they fit, and their renewal on devices.

-- Every provision that is known and rightly signed: embedded in a build, or uploaded alone.
CREATE TABLE provision (
	uuid		TEXT PRIMARY KEY,
	name		TEXT NOT NULL,
	kind		TEXT NOT NULL,			-- as in ipa/provision.h
	team_id		TEXT NOT NULL,
	app_id		TEXT NOT NULL,			-- "A1B2C3D4E5.com.example.*"
	expires		BIGINT NOT NULL,
	facts		TEXT NOT NULL,			-- JSON of provision_json
	source		TEXT NOT NULL CHECK (source IN ('build', 'upload')),
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,
	created		BIGINT NOT NULL,
	file		{blob}				-- the whole .mobileprovision; NULL: it cannot be sent
);
CREATE INDEX provision_expires ON provision (expires);

-- The devices that one lists; in-house ones are for all and have none.
CREATE TABLE provision_device (
	uuid		TEXT NOT NULL REFERENCES provision (uuid) ON DELETE CASCADE,
	udid		TEXT NOT NULL,			-- lower case
	PRIMARY KEY (uuid, udid)
);

-- The app, each extension and each watch app of a build.  Rows outlive their build for as long as a device may
-- have it: what was deleted here is still installed there.  The row with path '' says that the build was read.
CREATE TABLE build_bundle (
	build_id	TEXT NOT NULL,
	path		TEXT NOT NULL,			-- "PlugIns/Share.appex"; '' is the app
	app_bundle_id	TEXT NOT NULL,
	version		TEXT NOT NULL,			-- CFBundleShortVersionString
	build		TEXT NOT NULL,			-- CFBundleVersion
	uploaded	BIGINT NOT NULL,
	bundle_id	TEXT NOT NULL,
	provision_uuid	TEXT NOT NULL,			-- embedded; '': none
	expires		BIGINT NOT NULL,		-- of that; 0: none
	certificate	TEXT NOT NULL,			-- SHA-1 of who signed it; '': not known
	certificate_name TEXT NOT NULL,
	certificate_expires BIGINT NOT NULL,		-- 0: not known
	entitlements	TEXT,				-- JSON, of the executable; NULL: not known
	PRIMARY KEY (build_id, path)
);
CREATE INDEX build_bundle_app ON build_bundle (app_bundle_id, build);
CREATE INDEX build_bundle_bundle ON build_bundle (bundle_id);
CREATE INDEX build_bundle_provision ON build_bundle (provision_uuid);

-- ipa/fit.h says yes: app id, certificate and entitlements are covered.  Its own is one of them.
CREATE TABLE provision_fit (
	build_id	TEXT NOT NULL,
	path		TEXT NOT NULL,
	uuid		TEXT NOT NULL REFERENCES provision (uuid) ON DELETE CASCADE,
	PRIMARY KEY (build_id, path, uuid)
);
CREATE INDEX provision_fit_uuid ON provision_fit (uuid);

-- Which device holds which app, in which build, until when it launches there, and until when once all that is on
-- its way has arrived.
CREATE TABLE held_app (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	bundle_id	TEXT NOT NULL,
	build_id	TEXT NOT NULL,
	ends		BIGINT NOT NULL,
	cause		TEXT NOT NULL CHECK (cause IN ('provision', 'certificate')),
	uuid		TEXT NOT NULL,			-- the provision that ends first
	path		TEXT NOT NULL,			-- of the bundle that it is for
	next		BIGINT NOT NULL,
	PRIMARY KEY (device_id, bundle_id)
);
CREATE INDEX held_app_build ON held_app (build_id);
CREATE INDEX held_app_uuid ON held_app (uuid);
CREATE INDEX held_app_ends ON held_app (ends);

-- One device and one provision that is to get there, or to go.
-- wanted -> sent -> acknowledged -> done (the device's list has it, or has it no more); failed -> wanted when due, if ever.
CREATE TABLE renewal (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	uuid		TEXT NOT NULL,
	action		TEXT NOT NULL CHECK (action IN ('install', 'remove')),
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'sent', 'acknowledged', 'done', 'failed')),
	why		TEXT NOT NULL DEFAULT '',
	attempts	BIGINT NOT NULL DEFAULT 0,	-- refused, on no list, or gone from it: the waits grow by them
	asked		BIGINT NOT NULL DEFAULT 0,	-- lists asked for since it was acknowledged
	ends		BIGINT NOT NULL DEFAULT 0,	-- when the first app that wants it stops there
	sent		BIGINT NOT NULL DEFAULT 0,	-- last
	due		BIGINT,				-- when it is looked at next
	changed		BIGINT NOT NULL,
	PRIMARY KEY (device_id, uuid, action)
);
CREATE INDEX renewal_due ON renewal (due) WHERE due IS NOT NULL;
CREATE INDEX renewal_wanted ON renewal (state, action, ends);
CREATE INDEX renewal_sent ON renewal (action, sent);
CREATE INDEX renewal_uuid ON renewal (uuid, state);

-- When a list was last reported whole; one that was asked for some apps alone says nothing of the others.
ALTER TABLE device_report ADD COLUMN whole BIGINT NOT NULL DEFAULT 0;

-- Testers without management who were told that a build they installed ends.
CREATE TABLE renewal_told (
	build_id	TEXT NOT NULL,
	contact_id	TEXT NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
	at		BIGINT NOT NULL,
	PRIMARY KEY (build_id, contact_id)
);
