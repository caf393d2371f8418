-- Managed devices, the sessions in which they enroll, and their enrollments.

-- One device, for as long as it is remembered.  What it reported is in 0015.
CREATE TABLE device (
	id		TEXT PRIMARY KEY,		-- names it in URLs, never the UDID
	udid		TEXT NOT NULL UNIQUE,
	serial		TEXT NOT NULL DEFAULT '',
	product		TEXT NOT NULL DEFAULT '',	-- "iPhone14,5"
	name		TEXT NOT NULL DEFAULT '',
	os_version	TEXT NOT NULL DEFAULT '',
	os_build	TEXT NOT NULL DEFAULT '',
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,
	enrollment_id	TEXT,				-- the current one; NULL: not managed
	seen		BIGINT,				-- written behind
	address		TEXT NOT NULL DEFAULT '',	-- last one it spoke from
	created		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX device_person ON device (person_id);
CREATE INDEX device_serial ON device (serial);
CREATE INDEX device_seen ON device (seen);
CREATE INDEX device_created ON device (created, id);

-- One way into management, from the page to the first TokenUpdate.  It tells an enrollment, the renewal of
-- an identity and the return of a device apart: nothing else does.
CREATE TABLE enroll_session (
	id		TEXT PRIMARY KEY,
	token_hash	TEXT NOT NULL UNIQUE,		-- of /enroll/<token> and /scep/<token>
	kind		TEXT NOT NULL CHECK (kind IN ('ota', 'direct', 'renewal')),
	person_id	TEXT REFERENCES person (id) ON DELETE CASCADE,
	invitation_id	TEXT,
	enrollment_id	TEXT,				-- renewal: whose identity; done: what came of it
	state		TEXT NOT NULL CHECK (state IN
			('offered', 'answered', 'issued', 'staged', 'done', 'failed', 'expired')),
	challenge_hash	TEXT NOT NULL,			-- of the Profile Service; good while the state is offered
	answered_by	TEXT NOT NULL DEFAULT '',	-- SHA-256 of the certificate that used it, from Apple
	repeats		BIGINT NOT NULL DEFAULT 0,	-- answers given again, because they were lost
	refusals	BIGINT NOT NULL DEFAULT 0,	-- what was sent here and not believed
	udid		TEXT NOT NULL DEFAULT '',
	serial		TEXT NOT NULL DEFAULT '',
	product		TEXT NOT NULL DEFAULT '',
	version		TEXT NOT NULL DEFAULT '',
	device_name	TEXT NOT NULL DEFAULT '',
	imei		TEXT NOT NULL DEFAULT '',
	devices_max	BIGINT NOT NULL,		-- of this person
	access_rights	BIGINT NOT NULL,		-- of the MDM payload it hands out, as all of these three:
	identifier	TEXT NOT NULL,			--   a renewal must say the same
	url		TEXT NOT NULL,			-- ServerURL and CheckInURL stand under it
	topic		TEXT NOT NULL DEFAULT '',	-- once it was handed out
	why		TEXT NOT NULL DEFAULT '',	-- the last refusal's code
	created_by	TEXT NOT NULL,
	created		BIGINT NOT NULL,
	expires		BIGINT NOT NULL,
	changed		BIGINT NOT NULL
);
CREATE INDEX enroll_session_person ON enroll_session (person_id, state, expires);
CREATE INDEX enroll_session_udid ON enroll_session (udid);
CREATE INDEX enroll_session_enrollment ON enroll_session (enrollment_id);
CREATE INDEX enroll_session_expires ON enroll_session (state, expires);

-- staged (Authenticate) -> enrolled (first TokenUpdate) -> removed (CheckOut, or given up after silence),
-- retired (by IT: what it asks is answered 403), replaced (by a newer one of the same device).
CREATE TABLE enrollment (
	id		TEXT PRIMARY KEY,
	device_id	TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
	session_id	TEXT NOT NULL,
	person_id	TEXT REFERENCES person (id) ON DELETE SET NULL,
	kind		TEXT NOT NULL DEFAULT 'device' CHECK (kind IN ('device', 'user')),
	state		TEXT NOT NULL CHECK (state IN ('staged', 'enrolled', 'removed', 'retired', 'replaced')),
	why		TEXT NOT NULL DEFAULT '',	-- how it ended
	identity	TEXT NOT NULL,			-- certificate.sha256, or of an outside CA's
	next_identity	TEXT,				-- of a renewal under way: both are accepted
	access_rights	BIGINT NOT NULL,
	topic		TEXT NOT NULL DEFAULT '',
	push_magic	TEXT NOT NULL DEFAULT '',
	token		{blob},				-- NULL: cannot be pushed
	token_at	BIGINT,
	token_bad	TEXT NOT NULL DEFAULT '',	-- APNs' reason; '' while it works
	unlock_token	{blob},				-- sealed; the last that was not empty
	bootstrap_token	{blob},				-- sealed
	supervised	BOOLEAN,			-- NULL: not reported
	again		BOOLEAN NOT NULL DEFAULT FALSE,	-- it sent Authenticate anew: the next TokenUpdate begins anew
	authenticate_signed BIGINT NOT NULL DEFAULT 0,	-- signingTime of the last one that counted: older ones are
	token_signed	BIGINT NOT NULL DEFAULT 0,	--   replayed, and change nothing
	old_shown	BIGINT,				-- an identity that is no longer its own was shown
	created		BIGINT NOT NULL,
	enrolled	BIGINT,
	ended		BIGINT
);
CREATE INDEX enrollment_device ON enrollment (device_id, created);
CREATE INDEX enrollment_session ON enrollment (session_id);
CREATE UNIQUE INDEX enrollment_identity ON enrollment (identity);
CREATE UNIQUE INDEX enrollment_next_identity ON enrollment (next_identity) WHERE next_identity IS NOT NULL;
CREATE INDEX enrollment_state ON enrollment (state, id);

-- Devices that know us better than we know them: certificates of ours without a row or an enrollment, since
-- the database is older than they are (a restored backup).  They get 503 until somebody decides.
CREATE TABLE came_back (
	sha256		TEXT PRIMARY KEY,
	subject		TEXT NOT NULL,
	udid		TEXT NOT NULL,
	serial		TEXT NOT NULL DEFAULT '',
	certificate	{blob} NOT NULL,		-- DER
	topic		TEXT NOT NULL DEFAULT '',	-- of its last TokenUpdate, while it waited
	push_magic	TEXT NOT NULL DEFAULT '',
	token		{blob},
	first_seen	BIGINT NOT NULL,
	last_seen	BIGINT NOT NULL,
	state		TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'taken_in', 'refused'))
);
CREATE INDEX came_back_state ON came_back (state, last_seen);
