-- A command goes when nothing refers to it any more: neither the queue nor the history.

-- Commands that may have lost what referred to them; the sweep looks at each once.  What one database has kept for
-- nothing until today is in it too.
CREATE TABLE command_loose (
	command_id	BIGINT PRIMARY KEY
);
INSERT INTO command_loose (command_id) SELECT id FROM command;

-- Is anything of it left?
CREATE INDEX command_queue_command ON command_queue (command_id);
CREATE INDEX command_history_command ON command_history (command_id);
-- It went by its age alone.
DROP INDEX command_created;

-- Certificates that came of renewals, each with the first of its chain: how often that was renewed within a day.
CREATE TABLE scep_chain (
	certificate	TEXT PRIMARY KEY REFERENCES certificate (sha256),
	origin		TEXT NOT NULL REFERENCES certificate (sha256),	-- issued by a challenge, or before there was this table
	at		BIGINT NOT NULL
);
CREATE INDEX scep_chain_origin ON scep_chain (origin, at);

-- How often a device begins anew under the identity that it has.
ALTER TABLE enrollment ADD COLUMN returned BIGINT NOT NULL DEFAULT 0;	-- when that last was a new beginning; 0: never
ALTER TABLE enrollment ADD COLUMN returns BIGINT NOT NULL DEFAULT 0;	-- how often it has since been none
