-- Commands that a clock that was ahead has ordered: mostly none, and looked for each minute.
CREATE INDEX command_created ON command (created);

-- What ends of an app is one thing whatever its builds are: who was told of a build's was told of the app's.  A provision's
-- subject was the build's id, a blank and its UUID.
INSERT INTO ending_notice (person_id, kind, subject, ends, days, message_id, at)
	SELECT n.person_id, n.kind, b.app_bundle_id || substr(n.subject, length(b.build_id) + 1), n.ends, n.days, min(n.message_id), min(n.at)
	FROM (SELECT DISTINCT o.subject FROM ending_notice o WHERE o.kind = 'provision') s
	JOIN build_bundle b ON b.path = '' AND b.build_id = rtrim(rtrim(s.subject,
	'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._'), ' ') AND b.build_id <> s.subject
	JOIN ending_notice n ON n.kind = 'provision' AND n.subject = s.subject
	GROUP BY n.person_id, n.kind, 3, n.ends, n.days ON CONFLICT DO NOTHING;
INSERT INTO ending_notice (person_id, kind, subject, ends, days, message_id, at)
	SELECT n.person_id, n.kind, b.app_bundle_id || ' ' || coalesce((SELECT x.certificate FROM build_bundle x WHERE x.build_id = b.build_id
	AND x.certificate_expires > 0 ORDER BY x.certificate_expires, x.path LIMIT 1), ''), n.ends, n.days, min(n.message_id), min(n.at)
	FROM ending_notice n JOIN build_bundle b ON b.build_id = n.subject AND b.path = '' WHERE n.kind = 'signature'
	GROUP BY n.person_id, n.kind, 3, n.ends, n.days ON CONFLICT DO NOTHING;
INSERT INTO ending_notice (person_id, kind, subject, ends, days, message_id, at)
	SELECT n.person_id, n.kind, b.app_bundle_id, n.ends, n.days, min(n.message_id), min(n.at)
	FROM ending_notice n JOIN build_bundle b ON b.build_id = n.subject AND b.path = '' WHERE n.kind = 'build'
	GROUP BY n.person_id, n.kind, 3, n.ends, n.days ON CONFLICT DO NOTHING;
DELETE FROM ending_notice WHERE kind IN ('signature', 'build')
	AND subject IN (SELECT b.build_id FROM build_bundle b);
DELETE FROM ending_notice WHERE kind = 'provision' AND subject IN (SELECT s.subject
	FROM (SELECT DISTINCT o.subject FROM ending_notice o WHERE o.kind = 'provision') s
	JOIN build_bundle b ON b.path = '' AND b.build_id = rtrim(rtrim(s.subject,
	'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._'), ' ') AND b.build_id <> s.subject);
