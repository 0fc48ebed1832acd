-- Where in the file a concept was met, how sure the rule is (percent), and what the line stands in.
ALTER TABLE mention ADD COLUMN row INTEGER;
ALTER TABLE mention ADD COLUMN confidence INTEGER;
ALTER TABLE mention ADD COLUMN within TEXT;

-- Through which rules a concept was met in which hour: what a `seen` of that day rests on. Kept as
-- long as the `seen` itself, for a rule that is called wrong takes along what rests on it alone.
CREATE TABLE met_by (
    concept TEXT NOT NULL,
    hour    INTEGER NOT NULL,
    rule    TEXT NOT NULL,
    PRIMARY KEY (concept, hour, rule)
) STRICT, WITHOUT ROWID;

-- What was decided when something had come to an end: asked or not, and why. Deleted after 7 days.
-- `what` is `asked` or the reason to stay silent.
CREATE TABLE decision (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    session    BLOB NOT NULL,
    breakpoint TEXT NOT NULL,
    what       TEXT NOT NULL,
    sentence   TEXT NOT NULL
) STRICT;
CREATE INDEX decision_at ON decision (at);

-- Rules that the engineer called wrong: they rest on this machine.
CREATE TABLE resting (
    concept TEXT NOT NULL,
    rule    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (concept, rule)
) STRICT, WITHOUT ROWID;

-- Concepts and domains that the engineer does not want to hear of.
CREATE TABLE muted (
    name TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- "I know this": how far the two checks that it takes have come.
CREATE TABLE claim (
    concept TEXT PRIMARY KEY,
    at      INTEGER NOT NULL,
    body    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A check can be waved away, too, and keeps the sentence with which it was decided.
ALTER TABLE ask RENAME TO ask_before;
CREATE TABLE ask (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    concept   TEXT NOT NULL,
    address   TEXT NOT NULL,
    seed      INTEGER NOT NULL,
    catalogue INTEGER NOT NULL,
    item      TEXT NOT NULL,
    reason    TEXT NOT NULL,
    new       INTEGER NOT NULL,
    probe     INTEGER NOT NULL,
    requested INTEGER NOT NULL,
    outcome   TEXT NOT NULL DEFAULT 'waiting'
              CHECK (outcome IN ('waiting', 'right', 'wrong', 'unsure', 'later', 'dismissed')),
    answered  INTEGER,
    pack      TEXT,
    sentence  TEXT,
    -- Whether it is one of the two harder ones that an "I know this" takes.
    harder    INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO ask (id, at, concept, address, seed, catalogue, item, reason, new, probe, requested,
                 outcome, answered, pack)
SELECT id, at, concept, address, seed, catalogue, item, reason, new, probe, requested,
       outcome, answered, pack FROM ask_before;
DROP TABLE ask_before;
CREATE INDEX ask_outcome ON ask (outcome, at);
