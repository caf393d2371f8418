-- Invitations to enroll, by mail or SMS.  The link carries no right: the invited person signs in.

CREATE TABLE invitation (
	id		TEXT PRIMARY KEY,
	token_hash	TEXT NOT NULL UNIQUE,
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	by_kind		TEXT NOT NULL CHECK (by_kind IN ('mail', 'sms', 'link')),
	message_id	TEXT,
	created_by	TEXT,
	opened		BIGINT,
	signed_in	BIGINT,
	declined	BIGINT,
	session_id	TEXT,				-- enroll_session that came of it
	enrolled	BIGINT,
	revoked		BIGINT,
	created		BIGINT NOT NULL,
	expires		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX invitation_person ON invitation (person_id, created);
CREATE INDEX invitation_created ON invitation (created, id);
CREATE INDEX invitation_session ON invitation (session_id);
