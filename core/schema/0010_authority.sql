-- The certificate authority: its own keys, and every certificate it has issued.

-- role: 'ca' issues (self-signed, or under one that stands 'above' it, whose key is elsewhere); 'ra_sign' and
-- 'ra_decrypt' answer SCEP for the CA that they are `under`, where that does not do so itself.
CREATE TABLE authority (
	id		TEXT PRIMARY KEY,
	role		TEXT NOT NULL CHECK (role IN ('above', 'ca', 'ra_sign', 'ra_decrypt')),
	under		TEXT REFERENCES authority (id),
	key_id		TEXT NOT NULL,			-- subjectKeyIdentifier, hex: names its CRL
	certificate	{blob} NOT NULL,		-- DER
	sealed_key	{blob},				-- core/seal.h; NULL: kept elsewhere
	sha256		TEXT NOT NULL UNIQUE,
	not_after	BIGINT NOT NULL,
	made		BIGINT NOT NULL,		-- milliseconds: of several, the first has the plain /crl
	retired		BIGINT,				-- still believed, issues no more; NULL: in use
	revocations	BIGINT NOT NULL DEFAULT 0	-- so far: another number, another CRL
);

CREATE TABLE certificate (
	sha256		TEXT PRIMARY KEY,		-- of the DER, hex
	serial		TEXT NOT NULL UNIQUE,		-- hex
	authority_id	TEXT NOT NULL REFERENCES authority (id),
	purpose		TEXT NOT NULL,			-- a row of mdm/ca.h: 'mdm', 'ota', 'client' ...
	subject		TEXT NOT NULL,			-- RFC 4514
	key_sha256	TEXT NOT NULL,			-- of the SubjectPublicKeyInfo
	der		{blob} NOT NULL,
	session_id	TEXT,				-- the enroll_session it was issued in
	not_before	BIGINT NOT NULL,
	not_after	BIGINT NOT NULL,
	issued		BIGINT NOT NULL,
	revoked		BIGINT,
	reason		TEXT NOT NULL DEFAULT ''	-- RFC 5280 5.3.1: 'superseded', 'cessationOfOperation' ...
);
CREATE INDEX certificate_session ON certificate (session_id);
CREATE INDEX certificate_key ON certificate (key_sha256);
CREATE INDEX certificate_issued ON certificate (issued, sha256);
CREATE INDEX certificate_end ON certificate (purpose, not_after, revoked);
CREATE INDEX certificate_revoked ON certificate (revoked) WHERE revoked IS NOT NULL;
