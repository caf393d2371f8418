-- What was given up before such was tried daily, and builds of before once more.

-- Apps that are to be there by themselves; attempts: who failed for its device alone was never tried.
UPDATE managed_app SET due = 0 WHERE due IS NULL AND attempts >= 5 AND build_id IS NOT NULL
	AND cause IN ('required', 'current') AND state IN ('failed', 'timed_out');
INSERT INTO job (id, kind, args, created, due)
	SELECT 'managed-app-again', 'managed_app_sweep', '[]', 0, 0 WHERE EXISTS (SELECT 1 FROM managed_app WHERE due = 0);

-- What no device takes whatever its dates are (build.installable) is judged by the rules of today, too.
INSERT INTO job (id, kind, args, created, due)
	SELECT 'build-judge-again', 'build_judge', '[]', 0, 0 WHERE EXISTS (SELECT 1 FROM build);
