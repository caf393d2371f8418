-- Commands: what waits for a device, and apart from it what was.  Rows leave the queue when they end.

CREATE TABLE command (
	id		TEXT PRIMARY KEY,		-- CommandUUID, for all devices that it goes to
	kind		TEXT NOT NULL,			-- a row of mdm/command_kind.h; 'plain': payload is all
	request_type	TEXT NOT NULL,
	subject		TEXT NOT NULL DEFAULT '',	-- what it is about: a bundle id, an identifier
	payload		{blob},				-- the Command dictionary, XML plist; NULL: rendered at delivery
	args		TEXT NOT NULL DEFAULT '',	-- JSON, for its kind
	created_by	TEXT NOT NULL,
	created		BIGINT NOT NULL
);
CREATE INDEX command_created ON command (created);

CREATE TABLE command_queue (
	enrollment_id	TEXT NOT NULL REFERENCES enrollment (id) ON DELETE CASCADE,
	command_id	TEXT NOT NULL REFERENCES command (id),
	state		TEXT NOT NULL CHECK (state IN ('ready', 'sent', 'not_now')),
	priority	BIGINT NOT NULL,
	seq		BIGINT NOT NULL,		-- order among equals
	not_before	BIGINT NOT NULL,
	expires		BIGINT NOT NULL,
	sent		BIGINT,
	sent_count	BIGINT NOT NULL DEFAULT 0,
	not_now_count	BIGINT NOT NULL DEFAULT 0,
	round		BIGINT NOT NULL DEFAULT 0,	-- of the connection that said NotNow: not again in the same
	dedupe_key	TEXT,
	PRIMARY KEY (enrollment_id, command_id)
);
CREATE UNIQUE INDEX command_queue_dedupe ON command_queue (enrollment_id, dedupe_key) WHERE dedupe_key IS NOT NULL;
CREATE INDEX command_queue_next ON command_queue (enrollment_id, state, priority DESC, seq);
CREATE INDEX command_queue_expires ON command_queue (expires);

CREATE TABLE command_history (
	enrollment_id	TEXT NOT NULL,
	command_id	TEXT NOT NULL,
	state		TEXT NOT NULL CHECK (state IN ('acknowledged', 'error', 'expired', 'cancelled')),
	sent		BIGINT,
	sent_count	BIGINT NOT NULL,
	not_now_count	BIGINT NOT NULL,
	ended		BIGINT NOT NULL,
	error		TEXT NOT NULL DEFAULT '',	-- JSON: the whole ErrorChain
	answer		{blob},				-- raw, compressed
	PRIMARY KEY (enrollment_id, command_id)
);
CREATE INDEX command_history_ended ON command_history (ended);
CREATE INDEX command_history_newest ON command_history (enrollment_id, ended);
