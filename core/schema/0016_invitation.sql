-- People asked to set up a device, by mail, by SMS or with a link that somebody passes on.  The link carries
-- no right.  How far each is (catalog/invitation.h) is worked out from the moments below and the message.

CREATE TABLE invitation (
	id		TEXT PRIMARY KEY,
	token_hash	TEXT NOT NULL UNIQUE,		-- of /e/<token>
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	by_kind		TEXT NOT NULL CHECK (by_kind IN ('mail', 'sms', 'link')),
	recipient	TEXT NOT NULL DEFAULT '',	-- typed by who invited; '': the person's own
	language	TEXT NOT NULL DEFAULT '',	-- '': the company's
	note		TEXT NOT NULL DEFAULT '',
	another		BOOLEAN NOT NULL DEFAULT FALSE,	-- asked for although they have a device
	remind		BOOLEAN NOT NULL DEFAULT FALSE,	-- once, when they are silent
	message_id	TEXT,				-- the last one; NULL: a link
	created_by	TEXT REFERENCES person (id) ON DELETE SET NULL,	-- NULL: the command line, or gone
	sent		BIGINT NOT NULL,		-- last time, reminders too
	step		BIGINT NOT NULL,		-- when they last did something, or it was sent by somebody
	reminded	BIGINT,
	opened		BIGINT,
	signed_in	BIGINT,
	declined	BIGINT,
	session_id	TEXT,				-- the last enroll_session that came of it
	began		BIGINT,
	enrolled	BIGINT,
	revoked		BIGINT,
	created		BIGINT NOT NULL,
	expires		BIGINT NOT NULL
);
CREATE INDEX invitation_person ON invitation (person_id, created);
CREATE INDEX invitation_created ON invitation (created, id);
CREATE INDEX invitation_session ON invitation (session_id);
