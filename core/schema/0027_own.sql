-- A certificate that went out inside the mobileconfig (PKCS #12) says nothing of whether that was installed: by SCEP iOS
-- asks for one only while it installs.

ALTER TABLE own_session ADD COLUMN embedded BOOLEAN NOT NULL DEFAULT FALSE;
-- Of those that are there nothing tells which way they went: none of them ends an older one by time alone.
UPDATE own_session SET embedded = TRUE;
