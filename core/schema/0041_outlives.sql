-- Who installed a build is known for as long as it runs on their phone, also when it is deleted here: an install outlives its
-- build (catalog/install.c says which).  Its columns are those of before; build_id refers to none that must be there.
ALTER TABLE install RENAME TO install_before;
ALTER TABLE install_event RENAME TO install_event_before;

CREATE TABLE install (
	id		TEXT PRIMARY KEY,
	build_id	TEXT NOT NULL,
	link_id		TEXT REFERENCES link (id) ON DELETE SET NULL,
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,
	contact_id	TEXT REFERENCES contact (id) ON DELETE SET NULL,
	grant_id	TEXT NOT NULL DEFAULT '',	-- of a grant that is for many; it may be gone
	model		TEXT NOT NULL DEFAULT '',	-- "iPhone15,4": of the daemon's User-Agent
	os		TEXT NOT NULL DEFAULT '',	-- "18.1"
	bytes		BIGINT NOT NULL DEFAULT 0,	-- of the .ipa, served so far
	state		TEXT NOT NULL DEFAULT 'opened',	-- the furthest kind of event
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL,
	phone		TEXT NOT NULL DEFAULT ''	-- as before
);
INSERT INTO install (id, build_id, link_id, person_id, contact_id, grant_id, model, os, bytes, state, created, changed, phone)
	SELECT id, build_id, link_id, person_id, contact_id, grant_id, model, os, bytes, state, created, changed, phone FROM install_before;

CREATE TABLE install_event (
	install_id	TEXT NOT NULL REFERENCES install (id) ON DELETE CASCADE,
	at		BIGINT NOT NULL,
	kind		TEXT NOT NULL,
	detail		TEXT NOT NULL DEFAULT ''
);
INSERT INTO install_event (install_id, at, kind, detail) SELECT install_id, at, kind, detail FROM install_event_before;

DROP TABLE install_event_before;
DROP TABLE install_before;
CREATE INDEX install_build ON install (build_id, created, id);
CREATE INDEX install_link ON install (link_id, created);
CREATE INDEX install_person ON install (person_id, created, id);
CREATE INDEX install_contact ON install (contact_id);
CREATE INDEX install_event_install ON install_event (install_id, at);
