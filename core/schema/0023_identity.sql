-- The identity that an enrollment had before its renewal: accepted until the new one was seen and a while after.

ALTER TABLE enrollment ADD COLUMN old_identity TEXT;
ALTER TABLE enrollment ADD COLUMN old_identity_until BIGINT;
CREATE UNIQUE INDEX enrollment_old_identity ON enrollment (old_identity) WHERE old_identity IS NOT NULL;

-- Check-ins that counted, each by its body and its signing time: a recording of one changes nothing.
CREATE TABLE checkin_counted (
	enrollment_id	TEXT NOT NULL REFERENCES enrollment (id) ON DELETE CASCADE,
	message		TEXT NOT NULL,			-- SHA-256 of the body, a space, the signing time or 0
	at		BIGINT NOT NULL,
	PRIMARY KEY (enrollment_id, message)
);

-- How often something was renewed within a day: certificates that say the same.
CREATE INDEX certificate_subject ON certificate (subject, issued);
