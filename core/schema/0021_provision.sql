-- Provisions, which bundles of which builds they cover, and their renewal on devices.

CREATE TABLE provision (
	uuid		TEXT PRIMARY KEY,
	name		TEXT NOT NULL,
	kind		TEXT NOT NULL,
	team_id		TEXT NOT NULL,
	app_id		TEXT NOT NULL,			-- "A1B2C3D4E5.com.example.*"
	expires		BIGINT NOT NULL,
	facts		TEXT NOT NULL,			-- JSON of provision_json
	sha256		TEXT NOT NULL,			-- blob: the whole file
	source		TEXT NOT NULL CHECK (source IN ('build', 'upload')),
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,
	created		BIGINT NOT NULL
);
CREATE INDEX provision_expires ON provision (expires);
CREATE INDEX provision_sha256 ON provision (sha256);

-- Every bundle of a build that has a provision of its own: the app, its extensions, its watch apps.
CREATE TABLE build_bundle (
	build_id	TEXT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
	bundle_id	TEXT NOT NULL,
	path		TEXT NOT NULL,			-- '' is the app
	provision_uuid	TEXT NOT NULL,
	certificate	TEXT NOT NULL DEFAULT '',	-- SHA-1 of who signed it; '': not known
	entitlements	TEXT NOT NULL DEFAULT '',	-- JSON, of the binary
	PRIMARY KEY (build_id, path)
);
CREATE INDEX build_bundle_provision ON build_bundle (provision_uuid);

-- One device and one provision that is to get there, because of one that ends.
CREATE TABLE renewal (
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	uuid		TEXT NOT NULL,			-- of the new one
	old_uuid	TEXT NOT NULL,
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'sent', 'listed', 'done', 'failed')),
	why		TEXT NOT NULL DEFAULT '',
	attempts	BIGINT NOT NULL DEFAULT 0,
	due		BIGINT,
	changed		BIGINT NOT NULL,
	PRIMARY KEY (device_id, uuid, old_uuid)
);
CREATE INDEX renewal_due ON renewal (due) WHERE due IS NOT NULL;
CREATE INDEX renewal_uuid ON renewal (uuid, state);
