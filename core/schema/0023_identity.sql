-- The identity that an enrollment had before its renewal: accepted until the new one was seen and a while after.

ALTER TABLE enrollment ADD COLUMN old_identity TEXT;
ALTER TABLE enrollment ADD COLUMN old_identity_until BIGINT;
CREATE UNIQUE INDEX enrollment_old_identity ON enrollment (old_identity) WHERE old_identity IS NOT NULL;
