-- Commands that a clock that was ahead has ordered: mostly none, and looked for each minute.
CREATE INDEX command_created ON command (created);
