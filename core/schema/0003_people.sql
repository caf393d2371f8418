-- People of the company's directory, groups, and publishers of named apps.  docs/tables.md says who owns what.

-- source: 'local' (a password of ours), 'directory' (LDAP) or 'proxy' (a header of a trusted proxy).
-- external_id: objectGUID or entryUUID in hex; a person's identity where the source is the directory.
ALTER TABLE person ADD COLUMN source TEXT NOT NULL DEFAULT 'local';
ALTER TABLE person ADD COLUMN external_id TEXT;
ALTER TABLE person ADD COLUMN dn TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN display TEXT NOT NULL DEFAULT '';		-- "Anna Nair"
ALTER TABLE person ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN phone TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN words TEXT NOT NULL DEFAULT '';		-- name, display and mail, folded: for the search
UPDATE person SET words = folded;
ALTER TABLE person ADD COLUMN checked BIGINT NOT NULL DEFAULT 0;	-- the directory was last asked
ALTER TABLE person ADD COLUMN disabled_by TEXT NOT NULL DEFAULT '';	-- 'admin' or 'directory'; '': is not
ALTER TABLE person ADD COLUMN all_apps BOOLEAN NOT NULL DEFAULT TRUE;	-- a publisher of every app
CREATE UNIQUE INDEX person_external ON person (external_id) WHERE external_id IS NOT NULL;

-- The apps of a publisher whose all_apps is false.
CREATE TABLE publisher_app (
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	bundle_id	TEXT NOT NULL,
	PRIMARY KEY (person_id, bundle_id)
);

-- source: 'local' (kept by an admin) or 'directory' (filled at sign-in and by the hourly check).  dn is
-- folded, so that equal DNs are equal texts.
CREATE TABLE people_group (
	id		TEXT PRIMARY KEY,
	name		TEXT NOT NULL,
	folded		TEXT NOT NULL UNIQUE,
	source		TEXT NOT NULL CHECK (source IN ('local', 'directory')),
	dn		TEXT,
	created		BIGINT NOT NULL
);
CREATE UNIQUE INDEX people_group_dn ON people_group (dn) WHERE dn IS NOT NULL;

CREATE TABLE group_person (
	group_id	TEXT NOT NULL REFERENCES people_group (id) ON DELETE CASCADE,
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	PRIMARY KEY (group_id, person_id)
);
CREATE INDEX group_person_person ON group_person (person_id);
