-- Who sees a channel; what an app is besides its builds; catalog items that are no builds.

-- audience: JSON of contract.md section 2; '' is everyone who signs in.  audience_person holds what it
-- comes to for each person, kept up to date in the transaction of every cause, so that the right to see
-- is part of each query.
ALTER TABLE channel ADD COLUMN audience TEXT NOT NULL DEFAULT '';
ALTER TABLE channel ADD COLUMN everyone BOOLEAN NOT NULL DEFAULT TRUE;

CREATE TABLE audience_person (
	channel_id	TEXT NOT NULL REFERENCES channel (id) ON DELETE CASCADE,
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	PRIMARY KEY (channel_id, person_id)
);
CREATE INDEX audience_person_person ON audience_person (person_id);
