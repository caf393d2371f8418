-- Testers who have no account, the links they get, and what was observed of each install.

CREATE TABLE contact (
	id		TEXT PRIMARY KEY,
	name		TEXT NOT NULL,
	folded		TEXT NOT NULL,
	email		TEXT NOT NULL DEFAULT '',
	phone		TEXT NOT NULL DEFAULT '',	-- E.164
	language	TEXT NOT NULL DEFAULT '',	-- of the messages; '' is the company's
	quiet		BOOLEAN NOT NULL DEFAULT FALSE,	-- wants no notices of new builds
	created		BIGINT NOT NULL
);
CREATE INDEX contact_folded ON contact (folded, id);
CREATE UNIQUE INDEX contact_email ON contact (email) WHERE email <> '';
CREATE UNIQUE INDEX contact_phone ON contact (phone) WHERE phone <> '';

CREATE TABLE contact_group (
	id		TEXT PRIMARY KEY,
	name		TEXT NOT NULL,
	folded		TEXT NOT NULL UNIQUE,
	created		BIGINT NOT NULL
);

CREATE TABLE contact_member (
	group_id	TEXT NOT NULL REFERENCES contact_group (id) ON DELETE CASCADE,
	contact_id	TEXT NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
	PRIMARY KEY (group_id, contact_id)
);
CREATE INDEX contact_member_contact ON contact_member (contact_id);

-- A link for one recipient: to one build, or to the latest of a channel.
CREATE TABLE link (
	id		TEXT PRIMARY KEY,
	hash		TEXT NOT NULL UNIQUE,		-- of the token in /i/<token>
	app_id		TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
	build_id	TEXT REFERENCES build (id) ON DELETE CASCADE,		-- or
	channel_id	TEXT REFERENCES channel (id) ON DELETE CASCADE,		-- its newest build
	contact_id	TEXT REFERENCES contact (id) ON DELETE CASCADE,
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,		-- who sent it
	pin		TEXT NOT NULL DEFAULT '',	-- keyed hash; '' is none
	pin_failures	BIGINT NOT NULL DEFAULT 0,
	pin_locked	BIGINT NOT NULL DEFAULT 0,	-- until
	sign_in		BOOLEAN NOT NULL DEFAULT FALSE,	-- the directory's password too
	expires		BIGINT NOT NULL,
	installs_max	BIGINT NOT NULL,		-- 0: no limit
	revoked		BOOLEAN NOT NULL DEFAULT FALSE,
	opened		BIGINT NOT NULL DEFAULT 0,	-- its page, for the first time
	created		BIGINT NOT NULL
);
CREATE INDEX link_app ON link (app_id, created, id);
CREATE INDEX link_build ON link (build_id);
CREATE INDEX link_channel ON link (channel_id);
CREATE INDEX link_contact ON link (contact_id);

-- Who fetched a manifest by a link: its rows are the link's installs, over all of its grants.
CREATE TABLE link_client (
	link_id		TEXT NOT NULL REFERENCES link (id) ON DELETE CASCADE,
	client		TEXT NOT NULL,			-- hash of address and user agent
	at		BIGINT NOT NULL,
	PRIMARY KEY (link_id, client)
);

-- Who was told that a build has landed.
CREATE TABLE notice (
	build_id	TEXT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
	contact_id	TEXT NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
	at		BIGINT NOT NULL,
	PRIMARY KEY (build_id, contact_id)
);
CREATE INDEX notice_contact ON notice (contact_id);

-- One attempt of somebody to install one build, from the first thing observed.
CREATE TABLE install (
	id		TEXT PRIMARY KEY,
	build_id	TEXT NOT NULL REFERENCES build (id) ON DELETE CASCADE,
	link_id		TEXT REFERENCES link (id) ON DELETE SET NULL,
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,
	contact_id	TEXT REFERENCES contact (id) ON DELETE SET NULL,
	grant_id	TEXT NOT NULL DEFAULT '',	-- of a grant that is for many; it may be gone
	model		TEXT NOT NULL DEFAULT '',	-- "iPhone15,4": of the daemon's User-Agent
	os		TEXT NOT NULL DEFAULT '',	-- "18.1"
	bytes		BIGINT NOT NULL DEFAULT 0,	-- of the .ipa, served so far
	state		TEXT NOT NULL DEFAULT 'opened',	-- the furthest kind of event
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX install_build ON install (build_id, created, id);
CREATE INDEX install_link ON install (link_id, created);
CREATE INDEX install_person ON install (person_id, created);
CREATE INDEX install_contact ON install (contact_id);

-- kinds: catalog/install.c
CREATE TABLE install_event (
	install_id	TEXT NOT NULL REFERENCES install (id) ON DELETE CASCADE,
	at		BIGINT NOT NULL,
	kind		TEXT NOT NULL,
	detail		TEXT NOT NULL DEFAULT ''
);
CREATE INDEX install_event_install ON install_event (install_id, at);

ALTER TABLE install_grant ADD COLUMN install_id TEXT;	-- the install that a tap's fetches move
CREATE INDEX install_grant_install ON install_grant (install_id) WHERE install_id IS NOT NULL;
