-- Lists are in the order of the names that their readers see: that of the newest build of a channel.

ALTER TABLE channel ADD COLUMN newest_folded TEXT NOT NULL DEFAULT '';	-- of that build: for order and search; '': none
UPDATE channel SET newest_folded = coalesce((SELECT b.folded FROM build b WHERE b.id = channel.newest_build_id), '');
CREATE INDEX channel_newest_folded ON channel (newest_folded, app_id);

-- An app has the name of its newest build, also after a later one was deleted.
UPDATE app SET name = (SELECT b.name FROM build b WHERE b.id = app.newest_build_id),
	folded = (SELECT b.folded FROM build b WHERE b.id = app.newest_build_id)
	WHERE EXISTS (SELECT 1 FROM build b WHERE b.id = app.newest_build_id);

-- Until when a build can be installed: what its verdict says, for queries.  0: it cannot.  A job reads the facts of
-- builds that are here already.
ALTER TABLE build ADD COLUMN installs_until BIGINT NOT NULL DEFAULT 0;
UPDATE build SET installs_until = CASE WHEN NOT installable THEN 0 WHEN expires > 0 THEN expires ELSE 9223372036854775807 END;
INSERT INTO job (id, kind, args, created, due)
	SELECT 'build-judge', 'build_judge', '[]', 0, 0 WHERE EXISTS (SELECT 1 FROM build);
