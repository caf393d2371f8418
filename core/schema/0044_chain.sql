-- Renewals by SCEP: what each renewed, so that what is revoked ends with all that came of it, and an identity follows
-- none that its device has replaced.

ALTER TABLE scep_chain ADD COLUMN renewed TEXT REFERENCES certificate (sha256);	-- NULL: not known, of before
UPDATE scep_chain SET renewed = r.certificate FROM scep_renewal r WHERE r.next = scep_chain.certificate;
CREATE INDEX scep_chain_renewed ON scep_chain (renewed) WHERE renewed IS NOT NULL;
