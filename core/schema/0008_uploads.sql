-- Where the bytes of an upload end that are known to be right, while a part with a checksum is on its
-- way: what stands behind it in the file is taken back.  -1: all that is in the file counts.
ALTER TABLE upload ADD COLUMN proved BIGINT NOT NULL DEFAULT -1;
