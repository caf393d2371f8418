-- Which of several is there, which is the newer one, and in which order.

-- Which of the builds with the same numbers a device has: the one that the last command brought there.

ALTER TABLE managed_app ADD COLUMN brought TEXT NOT NULL DEFAULT '';	-- a build; '': not known
-- Where several have the numbers, a row said "installed" of the newest without having brought it.
UPDATE managed_app SET brought = build_id WHERE state = 'installed' AND ours AND attempts > 0 AND build_id IS NOT NULL
	AND NOT EXISTS (SELECT 1 FROM build_bundle t JOIN build_bundle o ON o.app_bundle_id = t.app_bundle_id AND o.build = t.build
	AND o.version = t.version AND o.path = '' AND o.build_id <> t.build_id WHERE t.build_id = managed_app.build_id AND t.path = '');

-- What must be there and was declined before it was asked for again is asked for again, too.
UPDATE managed_app SET due = changed + 86400 WHERE state = 'declined' AND cause = 'required' AND due IS NULL AND attempts < 5;

-- Which of two rows is the newer one: a counter for each table, which two writers cannot read at once.  Before it was
-- the largest number there is and one more, for which each table had an index.
CREATE TABLE turn (
	name		TEXT PRIMARY KEY,		-- the table
	last		BIGINT NOT NULL			-- the number that was given out last
);
INSERT INTO turn (name, last) SELECT 'certificate', COALESCE(max(turn), 0) FROM certificate;
INSERT INTO turn (name, last) SELECT 'enrollment', COALESCE(max(turn), 0) FROM enrollment;
INSERT INTO turn (name, last) SELECT 'enroll_session', COALESCE(max(turn), 0) FROM enroll_session;
INSERT INTO turn (name, last) SELECT 'own_session', COALESCE(max(turn), 0) FROM own_session;
DROP INDEX certificate_turn;
DROP INDEX enrollment_turn;
DROP INDEX enroll_session_turn;
DROP INDEX own_session_turn;

-- What is for everyone is found without what is for some.
CREATE INDEX assignment_everyone ON assignment (mobileconfig_id) WHERE audience_id IS NULL;

-- Two installs within a second are two places in the list of whom to tell.
DROP INDEX install_person;
CREATE INDEX install_person ON install (person_id, created, id);
