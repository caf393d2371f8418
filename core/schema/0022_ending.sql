-- Everything that ends, and who was told of it.

-- One row for each notice that is due or was sent: written with its message, so that it goes once.
CREATE TABLE ending_notice (
	kind		TEXT NOT NULL,			-- a row of web/endings.c
	subject		TEXT NOT NULL,			-- what ends: a uuid, a fingerprint
	ends		BIGINT NOT NULL,		-- another date is another ending
	days		BIGINT NOT NULL,		-- 60, 30, 14, 7, 1
	recipient	TEXT NOT NULL,
	at		BIGINT NOT NULL,
	PRIMARY KEY (kind, subject, ends, days, recipient)
);

-- Who may read the calendar without signing in.
CREATE TABLE calendar (
	token_hash	TEXT PRIMARY KEY,		-- of /expiry/<token>.ics
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	created		BIGINT NOT NULL
);
