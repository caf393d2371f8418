-- SCEP: one-time challenges, and requests that wait for an admin.

CREATE TABLE challenge (
	hash		TEXT PRIMARY KEY,		-- core/secret.h
	purpose		TEXT NOT NULL,
	subject		TEXT NOT NULL,			-- RFC 4514: the certificate's, whatever the request says
	session_id	TEXT,				-- enroll_session
	udid		TEXT NOT NULL DEFAULT '',	-- '': of no device in particular
	created_by	TEXT NOT NULL DEFAULT '',
	created		BIGINT NOT NULL,
	expires		BIGINT NOT NULL,
	used		BIGINT,
	transaction_id	TEXT,				-- of the request that used it, with the key: the same again
	key_sha256	TEXT,				--   gets the same certificate
	certificate	TEXT REFERENCES certificate (sha256)
);
CREATE INDEX challenge_session ON challenge (session_id);
CREATE INDEX challenge_expires ON challenge (expires);

CREATE TABLE scep_request (
	id		TEXT PRIMARY KEY,
	transaction_id	TEXT NOT NULL,
	key_sha256	TEXT NOT NULL,
	challenge	TEXT,				-- hash; NULL: none was sent
	request		{blob} NOT NULL,		-- PKCS#10, DER
	state		TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'refused')),
	decided_by	TEXT NOT NULL DEFAULT '',
	certificate	TEXT REFERENCES certificate (sha256),
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL,
	UNIQUE (transaction_id, key_sha256)
);
