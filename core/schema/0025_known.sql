-- A certificate that another shows (the proxy in front) has a life; what lives shortly is told of late.

ALTER TABLE ending_known ADD COLUMN begins BIGINT NOT NULL DEFAULT 0;	-- 0: not known

-- What ends by its certificate is a kind of its own now: who was told of it was told.
UPDATE ending_notice SET kind = 'signature', subject = replace(subject, ' certificate', '')
	WHERE kind = 'provision' AND subject LIKE '% certificate';
