-- What `pomona challenge new --device` makes is of one device while it is under management, and ends with that.

ALTER TABLE challenge ADD COLUMN enrollment_id TEXT;	-- enrollment; NULL: of no device in particular, or of a session
UPDATE challenge SET enrollment_id = (SELECT d.enrollment_id FROM device d WHERE d.udid = challenge.udid)
	WHERE session_id IS NULL AND udid <> '' AND created >= (SELECT e.enrolled FROM device d JOIN enrollment e
	ON e.id = d.enrollment_id WHERE d.udid = challenge.udid);
CREATE INDEX challenge_enrollment ON challenge (enrollment_id) WHERE enrollment_id IS NOT NULL;

ALTER TABLE certificate ADD COLUMN enrollment_id TEXT;	-- of such a challenge, or renewed from one that was
CREATE INDEX certificate_enrollment ON certificate (enrollment_id) WHERE enrollment_id IS NOT NULL;
