-- Which of two is the newer one, also within a second: a number that grows from row to row, given as it is written
-- (max + 1).  `issued` and `created` say when that was, for people.

ALTER TABLE certificate ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
UPDATE certificate SET turn = n.turn FROM (SELECT sha256 AS id, row_number() OVER (ORDER BY issued, sha256 DESC) AS turn
	FROM certificate) n WHERE n.id = certificate.sha256;
CREATE INDEX certificate_turn ON certificate (turn);

ALTER TABLE own_session ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
UPDATE own_session SET turn = n.turn FROM (SELECT id, row_number() OVER (ORDER BY created, id) AS turn
	FROM own_session) n WHERE n.id = own_session.id;
CREATE INDEX own_session_turn ON own_session (turn);

ALTER TABLE enroll_session ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
UPDATE enroll_session SET turn = n.turn FROM (SELECT id, row_number() OVER (ORDER BY created,
	CASE WHEN state = 'done' THEN 0 ELSE 1 END, changed, id) AS turn FROM enroll_session) n WHERE n.id = enroll_session.id;
CREATE INDEX enroll_session_turn ON enroll_session (turn);

ALTER TABLE enrollment ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
UPDATE enrollment SET turn = n.turn FROM (SELECT id, row_number() OVER (ORDER BY created, id) AS turn
	FROM enrollment) n WHERE n.id = enrollment.id;
CREATE INDEX enrollment_turn ON enrollment (turn);
