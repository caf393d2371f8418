-- People whom no account of ours can look up: what opens something for them rests, when nobody has confirmed them for long.

-- When the directory or a proxy last said that it is them: at a sign-in, or when they were looked up.  0: not yet since
-- this is kept, which counts from then on.
ALTER TABLE person ADD COLUMN confirmed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE person ADD COLUMN resting BOOLEAN NOT NULL DEFAULT FALSE;
-- As whom ldap.user_bind_template last bound them, folded: whom a refusal of that bind is about.
ALTER TABLE person ADD COLUMN login TEXT NOT NULL DEFAULT '';
CREATE INDEX person_login ON person (login) WHERE login <> '';

-- Who is to rest next, and what links they sent.
CREATE INDEX person_confirmed ON person (confirmed, id) WHERE source <> 'local';
CREATE INDEX link_person ON link (person_id);
