-- Lists are in the order of the names that their readers see: that of the newest build of a channel.

ALTER TABLE channel ADD COLUMN newest_folded TEXT NOT NULL DEFAULT '';	-- of that build: for order and search; '': none
UPDATE channel SET newest_folded = coalesce((SELECT b.folded FROM build b WHERE b.id = channel.newest_build_id), '');
CREATE INDEX channel_newest_folded ON channel (newest_folded, app_id);

-- An app has the name of its newest build, also after a later one was deleted.
UPDATE app SET name = (SELECT b.name FROM build b WHERE b.id = app.newest_build_id),
	folded = (SELECT b.folded FROM build b WHERE b.id = app.newest_build_id)
	WHERE EXISTS (SELECT 1 FROM build b WHERE b.id = app.newest_build_id);
