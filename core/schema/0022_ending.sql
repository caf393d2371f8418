-- Everything that ends, and who was told of it.

-- One row for each notice that went out: written with its message, so that it goes once.
CREATE TABLE ending_notice (
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	kind		TEXT NOT NULL,			-- a row of web/endings.c
	subject		TEXT NOT NULL,			-- what ends: an id, a setting, an app
	ends		BIGINT NOT NULL,		-- another date is another ending
	days		BIGINT NOT NULL,		-- 60, 30, 14, 7, 1
	message_id	TEXT NOT NULL,			-- the mail it stood in; that is swept before this is
	at		BIGINT NOT NULL,
	PRIMARY KEY (person_id, kind, subject, ends, days)
);
CREATE INDEX ending_notice_at ON ending_notice (person_id, at);
CREATE INDEX ending_notice_ends ON ending_notice (ends);

-- How somebody wants to be told; no row: by mail, to the address that the directory has.
CREATE TABLE ending_reader (
	person_id	TEXT PRIMARY KEY REFERENCES person (id) ON DELETE CASCADE,
	mails		BOOLEAN NOT NULL,
	email		TEXT NOT NULL,			-- '': the person's own; says nothing about who they are
	language	TEXT NOT NULL,			-- '': the company's
	changed		BIGINT NOT NULL
);

-- What only another system knows, as it said when it was last asked.
CREATE TABLE ending_known (
	kind		TEXT NOT NULL,
	subject		TEXT NOT NULL,
	name		TEXT NOT NULL,
	ends		BIGINT NOT NULL,
	asked		BIGINT NOT NULL,
	PRIMARY KEY (kind, subject)
);

-- Feeds of what ends, which a calendar program reads without signing in, as the person who made them.
CREATE TABLE calendar (
	id		TEXT PRIMARY KEY,
	token_hash	TEXT NOT NULL UNIQUE,		-- of /expiry/<token>.ics
	person_id	TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
	created		BIGINT NOT NULL,
	used		BIGINT NOT NULL DEFAULT 0	-- to the hour, written behind
);
CREATE INDEX calendar_person ON calendar (person_id);

ALTER TABLE token ADD COLUMN expires BIGINT;		-- NULL: never
CREATE INDEX token_expires ON token (expires) WHERE expires IS NOT NULL;
