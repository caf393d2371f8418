-- A person's own mobileconfig (/eas): the ways to it, and who has which.

CREATE TABLE own_session (
	id		TEXT PRIMARY KEY,
	token_hash	TEXT NOT NULL UNIQUE,		-- of /eas/<token>
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	mobileconfig_id	TEXT NOT NULL,
	challenge_hash	TEXT NOT NULL,
	state		TEXT NOT NULL CHECK (state IN ('offered', 'answered', 'issued', 'done', 'failed')),
	udid		TEXT NOT NULL DEFAULT '',
	serial		TEXT NOT NULL DEFAULT '',
	product		TEXT NOT NULL DEFAULT '',
	device_name	TEXT NOT NULL DEFAULT '',
	why		TEXT NOT NULL DEFAULT '',
	created		BIGINT NOT NULL,
	expires		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX own_session_person ON own_session (person_id, created);

-- One for each person, device and mobileconfig; certificate: what it carries now.
CREATE TABLE own_mobileconfig (
	id		TEXT PRIMARY KEY,
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	mobileconfig_id	TEXT NOT NULL,
	device_id	TEXT,				-- a managed one; NULL: known by udid alone
	udid		TEXT NOT NULL DEFAULT '',
	certificate	TEXT,				-- certificate.sha256
	old_certificate	TEXT,				-- until the new one is seen
	state		TEXT NOT NULL CHECK (state IN ('offered', 'installed', 'removed', 'revoked')),
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE UNIQUE INDEX own_mobileconfig_one ON own_mobileconfig (person_id, mobileconfig_id, udid);
CREATE INDEX own_mobileconfig_certificate ON own_mobileconfig (certificate);
