-- A certificate that another shows (the proxy in front) has a life; what lives shortly is told of late.

ALTER TABLE ending_known ADD COLUMN begins BIGINT NOT NULL DEFAULT 0;	-- 0: not known
