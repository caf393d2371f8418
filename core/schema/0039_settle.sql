-- Devices that came and went within an hour before a job looked at them when it was over: each is looked at once.
INSERT INTO job (id, kind, args, created, due)
	SELECT 'enrollment-settle-all', 'enrollment_settle', '[]', 0, 0 WHERE EXISTS (SELECT 1 FROM enrollment WHERE returns > 0);
