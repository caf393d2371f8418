-- The catalog on the home screen: /c/<token> of each enrollment.

CREATE TABLE clip (
	enrollment_id	TEXT PRIMARY KEY REFERENCES enrollment (id) ON DELETE CASCADE,
	token_hash	TEXT NOT NULL UNIQUE,		-- the token is derived from the master key, and kept nowhere
	hash		TEXT NOT NULL DEFAULT '',	-- of the web clip that was sent last
	state		TEXT NOT NULL CHECK (state IN ('wanted', 'sent', 'installed', 'failed')),
	opened		BIGINT,				-- last
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
