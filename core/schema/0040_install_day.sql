-- Installs that have come, by app and day of UTC: counted when they do, since a page asks for weeks of them.

CREATE TABLE install_day (
	app_id		TEXT NOT NULL REFERENCES app (id) ON DELETE CASCADE,
	day		BIGINT NOT NULL,		-- since 1970
	fresh		BIGINT NOT NULL,
	again		BIGINT NOT NULL,		-- by a person or tester who had an earlier one of that app
	PRIMARY KEY (app_id, day)
);
CREATE INDEX install_day_day ON install_day (day);

-- Of the four weeks before, by the day on which they began.
INSERT INTO install_day (app_id, day, fresh, again)
	SELECT s.app_id, s.day, sum(1 - s.again), sum(s.again) FROM (SELECT b.app_id, i.created / 86400 AS day, CASE WHEN EXISTS
	(SELECT 1 FROM install p JOIN build o ON o.id = p.build_id WHERE p.person_id = i.person_id AND p.created < i.created
	AND o.app_id = b.app_id AND p.state IN ('whole', 'installed')) OR EXISTS (SELECT 1 FROM install p JOIN build o
	ON o.id = p.build_id WHERE p.contact_id = i.contact_id AND p.created < i.created AND o.app_id = b.app_id
	AND p.state IN ('whole', 'installed')) THEN 1 ELSE 0 END AS again FROM build b JOIN install i ON i.build_id = b.id
	WHERE i.state IN ('whole', 'installed') AND i.created >= (SELECT max(created) FROM install) - 2419200) AS s
	GROUP BY s.app_id, s.day;
