-- Which bytes of its .ipa an install has got: a download that goes on after a restart of ours is whole when it is.
ALTER TABLE install ADD COLUMN ranges TEXT NOT NULL DEFAULT '';	-- "0-600 900-1000", each to the first byte behind it
