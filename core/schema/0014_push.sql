-- Pushes that are due, and the certificates they are made with.

CREATE TABLE push_due (
	enrollment_id	TEXT PRIMARY KEY REFERENCES enrollment (id) ON DELETE CASCADE,
	due		BIGINT NOT NULL,
	reason		TEXT NOT NULL,			-- 'command', 'not_now', 'sweep', 'asked'
	attempt		BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX push_due_due ON push_due (due);

-- state: 'wanted' (a key and its CSR, no certificate yet), 'current', 'old'.
CREATE TABLE push_certificate (
	id		TEXT PRIMARY KEY,
	topic		TEXT NOT NULL DEFAULT '',
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'current', 'old')),
	certificate	{blob},				-- DER
	sealed_key	{blob} NOT NULL,
	request		{blob},				-- CSR, DER
	not_after	BIGINT,
	halted		TEXT NOT NULL DEFAULT '',	-- APNs' reason why the topic stands still; '' while it works
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
