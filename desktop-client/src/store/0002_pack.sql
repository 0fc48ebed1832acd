-- Items that the appliance made ahead, as far as they passed the checks when they came: one pack at a
-- time, replaced as a whole. `place` is the pack's order, the best of a concept first.
CREATE TABLE pack_item (
    concept TEXT NOT NULL,
    place   INTEGER NOT NULL,
    item    TEXT NOT NULL,
    PRIMARY KEY (concept, place)
) STRICT, WITHOUT ROWID;

-- Version of the pack that a check was taken from; NULL where it was drawn here.
ALTER TABLE ask ADD COLUMN pack TEXT;
