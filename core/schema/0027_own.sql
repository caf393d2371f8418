-- A certificate that went out inside the mobileconfig (PKCS #12) says nothing of whether that was installed: by SCEP iOS
-- asks for one only while it installs.

ALTER TABLE own_session ADD COLUMN embedded BOOLEAN NOT NULL DEFAULT FALSE;
