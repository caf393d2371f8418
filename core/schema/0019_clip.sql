-- The catalog on the home screen: /c/<token> of each enrollment.
-- wanted (a command waits) -> sent (acknowledged) -> installed (its list says so); failed: `due` says whether it is
-- tried again; going (switched off, a command waits) -> gone.

CREATE TABLE clip (
	enrollment_id	TEXT PRIMARY KEY REFERENCES enrollment (id) ON DELETE CASCADE,
	token_hash	TEXT NOT NULL UNIQUE,		-- the token is derived from the master key, and kept nowhere
	hash		TEXT NOT NULL DEFAULT '',	-- of what it is to look like (clip_look), when it was queued last
	sent_hash	TEXT NOT NULL DEFAULT '',	-- of what the device was handed last
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'sent', 'installed', 'failed', 'going', 'gone')),
	why		TEXT NOT NULL DEFAULT '',	-- of failed: what the device said, or we
	attempts	BIGINT NOT NULL DEFAULT 0,	-- for this look
	due		BIGINT,				-- when the next one is; NULL: none by itself
	opened		BIGINT,				-- last
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX clip_due ON clip (due) WHERE due IS NOT NULL;
CREATE INDEX clip_state ON clip (state);

-- Facts are asked for again once a day (mdm.refresh_hours).
ALTER TABLE device ADD COLUMN refresh_due BIGINT;
CREATE INDEX device_refresh ON device (refresh_due) WHERE refresh_due IS NOT NULL;

-- enroll.approval: an admin looks at each device before it comes under management (mdm/enroll_approval.h).
ALTER TABLE enroll_session ADD COLUMN approval TEXT NOT NULL DEFAULT '';	-- wanted waiting approved refused; '': none
ALTER TABLE enroll_session ADD COLUMN approved_by TEXT NOT NULL DEFAULT '';
CREATE INDEX enroll_session_approval ON enroll_session (approval, changed) WHERE approval <> '';

-- A CA that waits to take over (`pomona ca renew --stage`): told to clients (GetNextCACert), and issues nothing yet.
ALTER TABLE authority ADD COLUMN staged BOOLEAN NOT NULL DEFAULT FALSE;
