-- A group of the directory is known as its people are: by what neither a move nor a rename changes.

-- objectGUID or entryUUID, 32 digits of hex; NULL: a local group, one of a directory that says none, or one that nobody
-- was found in since this is kept: then it is known by its dn.  A dn goes with the group that has it now; one that is gone has none.
ALTER TABLE people_group ADD COLUMN external_id TEXT;
CREATE UNIQUE INDEX people_group_external ON people_group (external_id) WHERE external_id IS NOT NULL;
