-- Who sees a channel; what an app is besides its builds; catalog items that are no builds.

-- Who sees something, said once: what is for the same people shares the row.
CREATE TABLE audience (
	id		TEXT PRIMARY KEY,
	tree		TEXT NOT NULL,			-- JSON of docs/audiences.md, with ids beside the names
	hash		TEXT NOT NULL UNIQUE,		-- of tree
	created		BIGINT NOT NULL
);

-- What it comes to, for each person: kept up to date in the transaction of every cause, so that the
-- right to see is part of each query.
CREATE TABLE audience_person (
	audience_id	TEXT NOT NULL REFERENCES audience (id) ON DELETE CASCADE,
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	PRIMARY KEY (audience_id, person_id)
);
CREATE INDEX audience_person_person ON audience_person (person_id);

-- audience_id NULL: everyone who signs in.  newest_*: what was placed last, so that a list of what
-- somebody sees needs no look at each placement.
ALTER TABLE channel ADD COLUMN audience_id TEXT REFERENCES audience (id);
ALTER TABLE channel ADD COLUMN required BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE channel ADD COLUMN newest_build_id TEXT;
ALTER TABLE channel ADD COLUMN newest_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX channel_audience ON channel (audience_id) WHERE audience_id IS NOT NULL;
UPDATE channel SET newest_build_id = (SELECT p.build_id FROM placement p WHERE p.channel_id = channel.id
	ORDER BY p.at DESC, p.build_id DESC LIMIT 1);
UPDATE channel SET newest_at = (SELECT max(p.at) FROM placement p WHERE p.channel_id = channel.id)
	WHERE newest_build_id IS NOT NULL;

-- An app's name is that of the build somebody sees: a test build may have another.
ALTER TABLE build ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE build ADD COLUMN folded TEXT NOT NULL DEFAULT '';		-- name and bundle id, for search
UPDATE build SET name = (SELECT a.name FROM app a WHERE a.id = build.app_id),
	folded = (SELECT a.folded FROM app a WHERE a.id = build.app_id);

ALTER TABLE app ADD COLUMN subtitle TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN featured BIGINT NOT NULL DEFAULT 0;		-- 1: first on the shelf; 0: not on it
ALTER TABLE app ADD COLUMN link_sign_in BOOLEAN NOT NULL DEFAULT FALSE;	-- links to it ask for a sign-in
CREATE INDEX app_featured ON app (featured) WHERE featured > 0;

CREATE TABLE category (
	id		TEXT PRIMARY KEY,
	name		TEXT NOT NULL,
	folded		TEXT NOT NULL UNIQUE,
	place		BIGINT NOT NULL			-- in the row of chips
);

CREATE TABLE app_category (
	app_id		TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
	category_id	TEXT NOT NULL REFERENCES category (id) ON DELETE CASCADE,
	PRIMARY KEY (app_id, category_id)
);
CREATE INDEX app_category_category ON app_category (category_id);

-- Web apps and links to the App Store, listed beside our own apps.
CREATE TABLE item (
	id		TEXT PRIMARY KEY,
	kind		TEXT NOT NULL CHECK (kind IN ('web', 'store')),
	name		TEXT NOT NULL,
	folded		TEXT NOT NULL,			-- name and host or bundle, for order and search
	subtitle	TEXT NOT NULL DEFAULT '',
	url		TEXT NOT NULL,
	icon		TEXT NOT NULL,			-- blob name
	audience_id	TEXT REFERENCES audience (id),
	created		BIGINT NOT NULL
);
CREATE INDEX item_folded ON item (folded, id);
CREATE INDEX item_icon ON item (icon);

CREATE TABLE item_category (
	item_id		TEXT NOT NULL REFERENCES item (id) ON DELETE CASCADE,
	category_id	TEXT NOT NULL REFERENCES category (id) ON DELETE CASCADE,
	PRIMARY KEY (item_id, category_id)
);
CREATE INDEX item_category_category ON item_category (category_id);
