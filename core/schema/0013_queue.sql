-- Commands: what waits for a device, and apart from it what was.  Rows leave the queue when they end.

-- One row for all devices that it goes to.  It goes when nothing can refer to it any more (queue_sweep).
CREATE TABLE command (
	id		{id},				-- rising: the order among equals
	uuid		TEXT NOT NULL UNIQUE,		-- CommandUUID
	kind		TEXT NOT NULL,			-- struct command_kind; 'plain': payload is all
	request_type	TEXT NOT NULL,
	subject		TEXT NOT NULL DEFAULT '',	-- what it is about: a bundle id, an identifier
	payload		{blob},				-- the Command dictionary, XML plist; NULL: rendered at delivery
	args		TEXT NOT NULL DEFAULT '',	-- JSON, for its kind
	created_by	TEXT NOT NULL,
	created		BIGINT NOT NULL
);
CREATE INDEX command_created ON command (created);

-- turn: 0 comes first; a NotNow, or several deliveries without an answer, put a command behind fresh ones.
-- due: when the sweep looks at the row next: to push again, or because it has expired.
CREATE TABLE command_queue (
	enrollment_id	TEXT NOT NULL REFERENCES enrollment (id) ON DELETE CASCADE,
	command_id	BIGINT NOT NULL,
	state		TEXT NOT NULL CHECK (state IN ('ready', 'sent', 'not_now')),
	turn		BIGINT NOT NULL DEFAULT 0,
	priority	BIGINT NOT NULL,
	not_before	BIGINT NOT NULL,
	expires		BIGINT NOT NULL,
	due		BIGINT NOT NULL,
	sent		BIGINT,				-- last
	sent_count	BIGINT NOT NULL DEFAULT 0,
	not_now_count	BIGINT NOT NULL DEFAULT 0,
	dedupe_key	TEXT,
	PRIMARY KEY (enrollment_id, command_id)
);
CREATE UNIQUE INDEX command_queue_dedupe ON command_queue (enrollment_id, dedupe_key) WHERE dedupe_key IS NOT NULL;
CREATE INDEX command_queue_next ON command_queue (enrollment_id, turn, priority DESC, command_id)
	WHERE state <> 'not_now';
CREATE INDEX command_queue_due ON command_queue (due);

CREATE TABLE command_history (
	enrollment_id	TEXT NOT NULL,
	command_id	BIGINT NOT NULL,
	state		TEXT NOT NULL CHECK (state IN ('acknowledged', 'error', 'expired', 'cancelled')),
	status		TEXT NOT NULL DEFAULT '',	-- as the device said it; '': it did not
	sent		BIGINT,
	sent_count	BIGINT NOT NULL,
	not_now_count	BIGINT NOT NULL,
	ended		BIGINT NOT NULL,
	error		TEXT NOT NULL DEFAULT '',	-- JSON: the whole ErrorChain, or a text of ours
	answer		{blob},				-- raw, core/pack.h
	PRIMARY KEY (enrollment_id, command_id)
);
CREATE INDEX command_history_ended ON command_history (ended);
