-- Lists of builds read no facts while nothing in them can have become worse.

ALTER TABLE build ADD COLUMN good_until BIGINT NOT NULL DEFAULT 0;	-- installs and is not about to expire; 0: read the facts
CREATE INDEX build_good ON build (good_until);
