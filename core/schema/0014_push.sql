-- Pushes that are due, and the certificates they are made with.

-- One for each device that is to be woken; it goes when APNs has taken it.
CREATE TABLE push_due (
	enrollment_id	TEXT PRIMARY KEY REFERENCES enrollment (id) ON DELETE CASCADE,
	topic		TEXT NOT NULL,			-- the enrollment's
	bulk		BOOLEAN NOT NULL,		-- one of many: they go in waves
	due		BIGINT NOT NULL,		-- when it is to go; of one under way, when its lease ends
	taken		BOOLEAN NOT NULL DEFAULT FALSE,	-- under way
	again		BIGINT,				-- asked for while it was under way: when
	reason		TEXT NOT NULL,			-- 'command', 'not_now', 'sweep', 'asked'
	attempt		BIGINT NOT NULL DEFAULT 0	-- how often APNs has put it off
);
CREATE INDEX push_due_next ON push_due (topic, bulk, due);

-- state: 'wanted' (a key and its CSR, no certificate yet), 'current' (one for each topic), 'old'.
CREATE TABLE push_certificate (
	id		TEXT PRIMARY KEY,
	topic		TEXT NOT NULL DEFAULT '',
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'current', 'old')),
	certificate	{blob},				-- DER
	sealed_key	{blob} NOT NULL,		-- PKCS#8, DER
	request		{blob},				-- CSR, DER
	not_after	BIGINT,
	halted		TEXT NOT NULL DEFAULT '',	-- APNs' reason why the topic stands still; '' while it works
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE UNIQUE INDEX push_certificate_topic ON push_certificate (topic) WHERE state = 'current';
