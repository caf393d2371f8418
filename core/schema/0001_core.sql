-- What any server needs: facts about the database itself, work that can wait, who did what.
-- Owners: meta core/db_schema.c (audit's row: core/audit.c), job core/job.c, audit core/audit.c.

CREATE TABLE meta (
	key	TEXT PRIMARY KEY,
	value	TEXT NOT NULL
);

-- A job waits while owner is '', and runs while lease is ahead of now.  With an owner and a lease
-- behind, its worker died.  Done jobs leave the table, dead ones stay.
CREATE TABLE job (
	id		TEXT PRIMARY KEY,
	kind		TEXT NOT NULL,
	args		TEXT NOT NULL,
	dedupe_key	TEXT,
	created		BIGINT NOT NULL,
	due		BIGINT NOT NULL,
	lease		BIGINT NOT NULL DEFAULT 0,
	owner		TEXT NOT NULL DEFAULT '',
	attempt		BIGINT NOT NULL DEFAULT 0,
	dead		BOOLEAN NOT NULL DEFAULT FALSE,
	last_error	TEXT
);
CREATE INDEX job_due ON job (due, id) WHERE NOT dead;
CREATE INDEX job_dedupe ON job (dedupe_key) WHERE dedupe_key IS NOT NULL;
CREATE INDEX job_owner ON job (owner) WHERE owner <> '';

-- The ids have no gap.  hash: SHA-256 in hex over the hash before it and all other columns.
CREATE TABLE audit (
	id	BIGINT PRIMARY KEY,
	at	BIGINT NOT NULL,
	actor	TEXT NOT NULL,
	act	TEXT NOT NULL,
	object	TEXT NOT NULL,
	detail	TEXT,
	hash	TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_object ON audit (object, id);

-- The newest row's id and hash, so that rows missing at the end are noticed too.
INSERT INTO meta (key, value) VALUES ('audit', '0 ');
