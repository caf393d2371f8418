-- Mail and SMS on their way out: each row is one message to one recipient, sent by the job message_send.
--
-- waiting -> sending -> sent -> delivered; back to waiting when it will be tried again.  While it is
-- `sending`, `job` alone may send it: what that job did when the process died, nobody knows, so it sends
-- again.  What is `sent` or beyond was acknowledged and is never sent again; its body is gone.

CREATE TABLE message (
	id		TEXT PRIMARY KEY,
	kind		TEXT NOT NULL CHECK (kind IN ('mail', 'sms')),
	recipient	TEXT NOT NULL,			-- address, or number in E.164
	subject		TEXT NOT NULL DEFAULT '',
	body		TEXT NOT NULL,			-- JSON: text, html, qr, reply_to, unsubscribe_url; '' once sent
	about		TEXT NOT NULL DEFAULT '',	-- what it belongs to: "link:<id>"
	state		TEXT NOT NULL DEFAULT 'waiting'
			CHECK (state IN ('waiting', 'sending', 'sent', 'delivered', 'failed', 'bounced')),
	attempts	BIGINT NOT NULL DEFAULT 0,
	error		TEXT NOT NULL DEFAULT '',	-- of the last attempt, or what a report says
	provider_id	TEXT NOT NULL DEFAULT '',	-- what the gateway calls it
	job		TEXT NOT NULL DEFAULT '',
	report_hash	TEXT,				-- of the token in /hooks/sms/<token>
	asked		BIGINT NOT NULL,		-- when it was asked for, or asked for again: it is given up by this
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX message_about ON message (about, created, id);
CREATE INDEX message_created ON message (created, id);
CREATE INDEX message_state ON message (state, created, id);
CREATE UNIQUE INDEX message_report ON message (report_hash) WHERE report_hash IS NOT NULL;
