-- Mail and SMS on their way out: each row is one message to one recipient, sent by the job message_send.

CREATE TABLE message (
	id		TEXT PRIMARY KEY,
	kind		TEXT NOT NULL CHECK (kind IN ('mail', 'sms')),
	recipient	TEXT NOT NULL,			-- address, or number in E.164
	subject		TEXT NOT NULL DEFAULT '',
	body		TEXT NOT NULL,			-- JSON: text, html, qr ...
	about		TEXT NOT NULL DEFAULT '',	-- what it belongs to: "link:<id>"
	state		TEXT NOT NULL DEFAULT 'waiting'
			CHECK (state IN ('waiting', 'sending', 'sent', 'delivered', 'failed', 'bounced')),
	attempts	BIGINT NOT NULL DEFAULT 0,
	error		TEXT NOT NULL DEFAULT '',
	provider_id	TEXT NOT NULL DEFAULT '',	-- what the gateway calls it
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX message_about ON message (about, created);
CREATE INDEX message_created ON message (created, id);
