-- The identity that an enrollment had before its renewal: accepted until the new one was seen and a while after.

ALTER TABLE enrollment ADD COLUMN old_identity TEXT;
ALTER TABLE enrollment ADD COLUMN old_identity_until BIGINT;	-- then it is revoked, if the new one has spoken since
ALTER TABLE enrollment ADD COLUMN old_speaks BOOLEAN;		-- of the two it was the one that spoke last; NULL: none has
ALTER TABLE enrollment ADD COLUMN identity_ends BIGINT;		-- of one of an outside CA; NULL: certificate.not_after
ALTER TABLE enrollment ADD COLUMN renewal_asked BIGINT;		-- last attempt; NULL: none since it was renewed
ALTER TABLE enrollment ADD COLUMN renewal_tries BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX enrollment_old_identity ON enrollment (old_identity) WHERE old_identity IS NOT NULL;
CREATE INDEX enrollment_old_until ON enrollment (old_identity_until) WHERE old_identity_until IS NOT NULL;
CREATE INDEX enrollment_identity_ends ON enrollment (identity_ends) WHERE identity_ends IS NOT NULL;

-- Check-ins that counted, each by its body and its signing time: a recording of one changes nothing.
CREATE TABLE checkin_counted (
	enrollment_id	TEXT NOT NULL REFERENCES enrollment (id) ON DELETE CASCADE,
	message		TEXT NOT NULL,			-- SHA-256 of the body, a space, the signing time or 0
	at		BIGINT NOT NULL,
	PRIMARY KEY (enrollment_id, message)
);

-- How often something was renewed within a day: certificates that say the same.
CREATE INDEX certificate_subject ON certificate (subject, issued);

-- What of commands is a secret is sealed (mdm/queue_secret.c has the table of request types).
ALTER TABLE command ADD COLUMN sealed BOOLEAN NOT NULL DEFAULT FALSE;		-- its payload
ALTER TABLE command_history ADD COLUMN sealed BOOLEAN NOT NULL DEFAULT FALSE;	-- its answer

-- Those that were kept open before, until the sweep has sealed them: payloads, and with an enrollment answers.
CREATE TABLE command_plain (
	command_id	BIGINT NOT NULL,
	enrollment_id	TEXT NOT NULL,			-- '': the payload
	PRIMARY KEY (command_id, enrollment_id)
);
INSERT INTO command_plain (command_id, enrollment_id) SELECT id, '' FROM command WHERE payload IS NOT NULL
	AND request_type IN ('InstallProfile', 'InstallApplication', 'Settings', 'ClearPasscode', 'ApplyRedemptionCode',
	'EraseDevice', 'RequestMirroring', 'AccountConfiguration', 'SetAutoAdminPassword',
	'SetFirmwarePassword', 'VerifyFirmwarePassword', 'SetRecoveryLock', 'VerifyRecoveryLock', 'RotateFileVaultKey');
INSERT INTO command_plain (command_id, enrollment_id) SELECT h.command_id, h.enrollment_id FROM command_history h
	JOIN command c ON c.id = h.command_id WHERE h.answer IS NOT NULL AND c.request_type IN ('RequestUnlockToken',
	'ActivationLockBypassCode', 'ManagedApplicationConfiguration', 'RotateFileVaultKey');
