-- People and apps.  docs/tables.md says which file owns each table.

CREATE TABLE setting (
	key		TEXT PRIMARY KEY,
	value		TEXT NOT NULL,
	at		BIGINT NOT NULL
);

CREATE TABLE person (
	id		TEXT PRIMARY KEY,
	name		TEXT NOT NULL,
	folded		TEXT NOT NULL UNIQUE,
	role		TEXT NOT NULL CHECK (role IN ('admin', 'publisher', 'member')),
	password	TEXT NOT NULL,			-- argon2id, encoded
	failures	BIGINT NOT NULL DEFAULT 0,	-- wrong passwords in a row
	locked_until	BIGINT NOT NULL DEFAULT 0,
	password_once	BOOLEAN NOT NULL DEFAULT FALSE,	-- must be changed at the first sign-in
	disabled	BOOLEAN NOT NULL DEFAULT FALSE,
	created		BIGINT NOT NULL
);

CREATE TABLE session (
	hash		TEXT PRIMARY KEY,		-- of the cookie
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	csrf		TEXT NOT NULL,
	created		BIGINT NOT NULL,
	seen		BIGINT NOT NULL			-- to the minute, written behind
);
CREATE INDEX session_person ON session (person_id);

CREATE TABLE token (
	id		TEXT PRIMARY KEY,
	hash		TEXT NOT NULL UNIQUE,
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	scope		TEXT NOT NULL CHECK (scope IN ('read', 'upload', 'devices', 'admin')),
	bundle_id	TEXT,				-- the only app it may touch; NULL: all
	label		TEXT NOT NULL DEFAULT '',	-- what it is for, in its owner's words
	created		BIGINT NOT NULL,
	used		BIGINT NOT NULL DEFAULT 0	-- to the minute, written behind
);
CREATE INDEX token_person ON token (person_id);

CREATE TABLE app (
	id		TEXT PRIMARY KEY,
	bundle_id	TEXT NOT NULL UNIQUE,
	name		TEXT NOT NULL,
	folded		TEXT NOT NULL,			-- name and bundle id, folded: for order and search
	newest_build_id	TEXT,				-- what the catalog shows
	created		BIGINT NOT NULL
);
CREATE INDEX app_folded ON app (folded, id);

CREATE TABLE channel (
	id		TEXT PRIMARY KEY,
	app_id		TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
	name		TEXT NOT NULL,
	created		BIGINT NOT NULL,
	UNIQUE (app_id, name)
);

CREATE TABLE build (
	id		TEXT PRIMARY KEY,
	app_id		TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
	sha256		TEXT NOT NULL UNIQUE,		-- names the blob; the same bytes are the same build
	size		BIGINT NOT NULL,
	version		TEXT NOT NULL,			-- CFBundleShortVersionString
	build		TEXT NOT NULL,			-- CFBundleVersion
	minimum_os	TEXT NOT NULL,
	installable	BOOLEAN NOT NULL,
	expires		BIGINT NOT NULL,		-- of the provision; 0: has none
	facts		TEXT NOT NULL,			-- JSON, ipa/facts.h
	chunk_sha256s	TEXT NOT NULL,			-- of BLOB_CHUNK bytes each, hex, by spaces
	chunk_md5s	TEXT NOT NULL DEFAULT '',	-- the same for old iOS; a job fills it
	icon57		TEXT NOT NULL,			-- blob names
	icon120		TEXT NOT NULL,
	icon512		TEXT NOT NULL,
	notes		TEXT NOT NULL,
	branch		TEXT NOT NULL,
	git_commit	TEXT NOT NULL,
	ci_url		TEXT NOT NULL,
	source		TEXT NOT NULL,
	custom_fields	TEXT NOT NULL,			-- JSON object
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,
	created		BIGINT NOT NULL
);
CREATE INDEX build_app ON build (app_id, created, id);
CREATE INDEX build_created ON build (created, id);
CREATE INDEX build_icon57 ON build (icon57);
CREATE INDEX build_icon120 ON build (icon120);
CREATE INDEX build_icon512 ON build (icon512);

-- Which builds are in which channel, and since when.
CREATE TABLE placement (
	channel_id	TEXT NOT NULL REFERENCES channel (id) ON DELETE CASCADE,
	build_id	TEXT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,
	at		BIGINT NOT NULL,
	PRIMARY KEY (channel_id, build_id)
);
CREATE INDEX placement_build ON placement (build_id);

CREATE TABLE install_grant (
	hash		TEXT PRIMARY KEY,		-- of the token in /d/<token>/
	id		TEXT NOT NULL UNIQUE,		-- to name it without knowing it
	kind		TEXT NOT NULL CHECK (kind IN ('tap', 'device', 'ci')),
	build_id	TEXT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,
	manifest_until	BIGINT NOT NULL,
	ipa_seconds	BIGINT NOT NULL,		-- after a client's first manifest
	installs_max	BIGINT NOT NULL,		-- clients; 0: no limit
	created		BIGINT NOT NULL
);
CREATE INDEX install_grant_build ON install_grant (build_id);

-- Who fetched a manifest, and when last: one row a client and grant, so the rows are the installs.
CREATE TABLE grant_client (
	grant_hash	TEXT NOT NULL REFERENCES install_grant (hash) ON DELETE CASCADE,
	client		TEXT NOT NULL,			-- hash of address and user agent
	at		BIGINT NOT NULL,
	PRIMARY KEY (grant_hash, client)
);

-- Resumable uploads (tus) that are under way or whose answer may still be asked for.
CREATE TABLE upload (
	id		TEXT PRIMARY KEY,
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	bundle_id	TEXT,				-- the token's app, when it has one
	length		BIGINT NOT NULL,
	fields		TEXT NOT NULL,			-- JSON object of Upload-Metadata
	status		BIGINT NOT NULL DEFAULT 0,	-- 0: receiving, 1: being read, else the answer's HTTP status
	answer		TEXT NOT NULL DEFAULT '',	-- JSON
	expires		BIGINT NOT NULL,
	created		BIGINT NOT NULL
);
