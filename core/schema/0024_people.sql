-- Who was not found in the directory once may be so because it showed only a part: the second check in a row counts.

ALTER TABLE person ADD COLUMN missed BIGINT NOT NULL DEFAULT 0;	-- when the first such check was; 0: the last one found them
