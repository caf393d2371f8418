-- SCEP: one-time challenges, renewals, and requests that wait for an admin.

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
	misused		BIGINT,				-- first time that somebody had it and might not use it
	transaction_id	TEXT,				-- of the request that used it, with the key: the same again
	key_sha256	TEXT,				--   gets the same certificate
	certificate	TEXT REFERENCES certificate (sha256)
);
CREATE INDEX challenge_session ON challenge (session_id);
CREATE INDEX challenge_expires ON challenge (expires);

-- The last renewal of each certificate that was renewed: the next may not follow at once.
CREATE TABLE scep_renewal (
	certificate	TEXT PRIMARY KEY REFERENCES certificate (sha256),
	next		TEXT NOT NULL REFERENCES certificate (sha256),
	transaction_id	TEXT NOT NULL,
	key_sha256	TEXT NOT NULL,
	at		BIGINT NOT NULL
);

CREATE TABLE scep_request (
	id		TEXT PRIMARY KEY,
	transaction_id	TEXT NOT NULL,
	key_sha256	TEXT NOT NULL,
	subject		TEXT NOT NULL,			-- RFC 4514: what it asks for, until an admin says what it gets
	request		{blob} NOT NULL,		-- PKCS#10, DER
	address		TEXT NOT NULL DEFAULT '',
	state		TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'refused')),
	decided_by	TEXT NOT NULL DEFAULT '',
	certificate	TEXT REFERENCES certificate (sha256),
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL,
	UNIQUE (transaction_id, key_sha256)
);
CREATE INDEX scep_request_created ON scep_request (state, created);
