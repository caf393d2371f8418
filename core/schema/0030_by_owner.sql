-- What is looked for by its device, person or session is found by that alone.  SQLite keeps no statistics here and takes
-- one equality for as good as another, so an index that begins with a state, an action or a purpose won, and each report of
-- one device read the rows of all.

DROP INDEX renewal_sent;
CREATE INDEX renewal_sent ON renewal (sent, action);
CREATE INDEX renewal_device ON renewal (device_id, action, state);

DROP INDEX certificate_session;
CREATE INDEX certificate_session ON certificate (session_id, purpose);

CREATE INDEX enrollment_person ON enrollment (person_id, state);
CREATE INDEX device_enrollment ON device (enrollment_id);
