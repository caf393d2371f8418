-- A person's own mobileconfig (/eas): the ways to it, and who has which.

-- What a certificate is to say beside its subject: kept with the challenge, never taken from a request.
ALTER TABLE challenge ADD COLUMN upn TEXT NOT NULL DEFAULT '';
ALTER TABLE challenge ADD COLUMN email TEXT NOT NULL DEFAULT '';

-- One for each person, mobileconfig and device (udid '': a download without an identity).  Its certificates are
-- those that were issued in its sessions; the newest is the one it carries.
CREATE TABLE own_mobileconfig (
	id		TEXT PRIMARY KEY,
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	mobileconfig_id	TEXT NOT NULL,			-- mobileconfig.id, or 'eas': the one made from settings
	identifier	TEXT NOT NULL,			-- PayloadIdentifier: the same each time
	title		TEXT NOT NULL,
	udid		TEXT NOT NULL DEFAULT '',
	device_id	TEXT,				-- of the managed device it was sent to; NULL: by itself
	product		TEXT NOT NULL DEFAULT '',
	device_name	TEXT NOT NULL DEFAULT '',
	state		TEXT NOT NULL CHECK (state IN ('offered', 'installed', 'removed', 'revoked')),
	why		TEXT NOT NULL DEFAULT '',	-- the device's word when it did not take it
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE UNIQUE INDEX own_mobileconfig_one ON own_mobileconfig (person_id, mobileconfig_id, udid);
CREATE INDEX own_mobileconfig_device ON own_mobileconfig (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX own_mobileconfig_changed ON own_mobileconfig (changed, id);

-- One way to it: by the phases of the Profile Service (offered -> answered -> issued), or as a command to a
-- managed device (issued at once, anew at each delivery).
CREATE TABLE own_session (
	id		TEXT PRIMARY KEY,
	token_hash	TEXT NOT NULL UNIQUE,		-- of /eas/<token> and /scep/<token>
	way		TEXT NOT NULL CHECK (way IN ('phases', 'command')),
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	mobileconfig_id	TEXT NOT NULL,
	own_id		TEXT REFERENCES own_mobileconfig (id) ON DELETE CASCADE,	-- once the device is known
	state		TEXT NOT NULL CHECK (state IN ('offered', 'answered', 'issued', 'failed')),
	challenge_hash	TEXT NOT NULL,			-- of the Profile Service
	answered_by	TEXT NOT NULL DEFAULT '',	-- SHA-256 of the certificate that used it, from Apple
	repeats		BIGINT NOT NULL DEFAULT 0,
	refusals	BIGINT NOT NULL DEFAULT 0,
	udid		TEXT NOT NULL DEFAULT '',
	serial		TEXT NOT NULL DEFAULT '',
	product		TEXT NOT NULL DEFAULT '',
	version		TEXT NOT NULL DEFAULT '',
	device_name	TEXT NOT NULL DEFAULT '',
	why		TEXT NOT NULL DEFAULT '',	-- the last refusal's code
	created		BIGINT NOT NULL,
	expires		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX own_session_person ON own_session (person_id, created);
CREATE INDEX own_session_own ON own_session (own_id) WHERE own_id IS NOT NULL;
CREATE INDEX own_session_expires ON own_session (expires);
