-- What counts as one phone of a link, whose a link is, and who was not told of a build.

-- The browser that tapped: hash of a random cookie of the link's page.  '': an install without one (from before, or one
-- page that many have): it counts by the daemon's address and program.  The rows of link_client from before were made
-- so and stay, each as one install.
ALTER TABLE install ADD COLUMN phone TEXT NOT NULL DEFAULT '';
ALTER TABLE link_client ADD COLUMN is_phone BOOLEAN NOT NULL DEFAULT FALSE;

-- Of a link that asks for a sign-in: the person who was the first to install by it; '' nobody yet.  No reference: whose
-- it was stays so.
ALTER TABLE link ADD COLUMN bound TEXT NOT NULL DEFAULT '';
CREATE INDEX person_lower_email ON person (lower(email));
CREATE INDEX person_digits ON person (replace(replace(replace(replace(replace(replace(phone, ' ', ''), '-', ''), '(', ''), ')', ''), '/', ''), '.', ''));

-- Why they were not told after all; '' is told.  Words: catalog/notice.h
ALTER TABLE notice ADD COLUMN missed TEXT NOT NULL DEFAULT '';
