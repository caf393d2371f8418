-- Who is told, waves that wait for somebody, and what a person's values change.

-- People who installed from the catalog by themselves, and were told that a build they have ends.
CREATE TABLE renewal_told_person (
	build_id	TEXT NOT NULL,
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	at		BIGINT NOT NULL,
	PRIMARY KEY (build_id, person_id)
);

-- Provisions whose waves stand still.
CREATE TABLE renewal_pause (
	uuid		TEXT PRIMARY KEY REFERENCES provision (uuid) ON DELETE CASCADE,
	actor		TEXT NOT NULL,			-- who said so: "paul", "cli"
	at		BIGINT NOT NULL
);

-- The variables in a configuration, beside what is sealed.
ALTER TABLE app_configuration ADD COLUMN variables TEXT;	-- JSON: their names; NULL: nobody has looked yet
