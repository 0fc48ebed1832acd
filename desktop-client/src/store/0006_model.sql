-- Items about the engineer's own lines, written by the engineer's own model. Nothing here leaves the
-- machine, and nothing outlives the line that it is about.
CREATE TABLE own_item (
    id      INTEGER PRIMARY KEY,
    mention INTEGER NOT NULL,
    made    INTEGER NOT NULL,
    concept TEXT NOT NULL,
    -- As it is shown, and the catalogue's own item without the model's words and the lines.
    item    TEXT NOT NULL,
    plain   TEXT NOT NULL,
    -- The check that it became.
    ask     INTEGER
) STRICT;
CREATE INDEX own_item_concept ON own_item (concept, id);
CREATE INDEX own_item_mention ON own_item (mention);

-- Lines that the model was asked about: it is not asked twice.
CREATE TABLE own_tried (
    mention INTEGER PRIMARY KEY
) STRICT;

-- However a line goes (after 7 days, or because the engineer wants it forgotten), what was written about
-- it goes with it, and a check that it became gets the catalogue's own item back.
CREATE TRIGGER own_item_goes_with_its_line AFTER DELETE ON mention BEGIN
    UPDATE ask SET item = (SELECT plain FROM own_item WHERE own_item.ask = ask.id)
        WHERE id IN (SELECT own_item.ask FROM own_item WHERE own_item.mention = OLD.id);
    DELETE FROM own_item WHERE mention = OLD.id;
    DELETE FROM own_tried WHERE mention = OLD.id;
END;

-- Calls, items made and items refused, by day of this machine's clock and reason.
CREATE TABLE own_count (
    day  INTEGER NOT NULL,
    what TEXT NOT NULL,
    n    INTEGER NOT NULL,
    PRIMARY KEY (day, what)
) STRICT, WITHOUT ROWID;
