-- What our own CA gave us to sign mobileconfigs with, where no other certificate is set.  mdm/ca_sign.c; one row at most.

CREATE TABLE signing_certificate (
	sha256		TEXT PRIMARY KEY REFERENCES certificate (sha256),
	authority_id	TEXT NOT NULL REFERENCES authority (id),
	chain		TEXT NOT NULL,			-- PEM: the certificate, and the CAs above it
	sealed_key	{blob} NOT NULL,		-- core/seal.h: PEM
	not_after	BIGINT NOT NULL
);
