-- Everything here is this engineer's own. `delta` and `head` are what syncing is about; nothing
-- of the other tables ever leaves the machine.

-- Small facts by name: the device's HMAC key, the current stream, the clock's offset, when this began.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- Present deltas. A place up to its stream's head that has no row is gone.
CREATE TABLE delta (
    stream  BLOB NOT NULL CHECK (length(stream) = 16),
    i       INTEGER NOT NULL CHECK (i > 0),
    concept TEXT,
    kind    TEXT NOT NULL,
    at      INTEGER,
    body    TEXT NOT NULL,
    PRIMARY KEY (stream, i)
) STRICT, WITHOUT ROWID;
CREATE INDEX delta_concept ON delta (concept, at);
CREATE INDEX delta_kind ON delta (kind, at);

-- Every stream that has a place. `server` is the head that the server last told.
CREATE TABLE head (
    stream BLOB PRIMARY KEY CHECK (length(stream) = 16),
    head   INTEGER NOT NULL CHECK (head > 0),
    sum    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE server_head (
    stream BLOB PRIMARY KEY CHECK (length(stream) = 16),
    head   INTEGER NOT NULL,
    sum    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Deltas that the server did not take. `catalogue` of a deferred one; `code` of a rejected one.
CREATE TABLE aside (
    stream    BLOB NOT NULL,
    i         INTEGER NOT NULL,
    body      TEXT NOT NULL,
    catalogue INTEGER,
    code      TEXT,
    PRIMARY KEY (stream, i)
) STRICT, WITHOUT ROWID;

-- How far a taken spool file was read, so that a crash before its deletion reads nothing twice.
CREATE TABLE batch (
    name  TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Acts that counted: HMAC of harness, session and call, so that one act counts once.
CREATE TABLE act (
    id BLOB PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX act_at ON act (at);

-- Where a concept was met, with the engineer's own line. A row is deleted after 7 days.
CREATE TABLE mention (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    concept  TEXT NOT NULL,
    detector TEXT NOT NULL,
    strong   INTEGER NOT NULL,
    diff     BLOB NOT NULL,
    file     TEXT NOT NULL,
    line     TEXT NOT NULL
) STRICT;
CREATE INDEX mention_concept ON mention (concept, at);

-- What happened lately in a session, as the ask policy sees it; deleted after two days.
CREATE TABLE moment (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    session BLOB NOT NULL,
    what    TEXT NOT NULL
) STRICT;

-- Checks: waiting, answered, put off.
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
              CHECK (outcome IN ('waiting', 'right', 'wrong', 'unsure', 'later')),
    answered  INTEGER
) STRICT;
CREATE INDEX ask_outcome ON ask (outcome, at);

-- What could not be used, by its name, counted.
CREATE TABLE tally (
    name TEXT PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Concepts whose next check is a probe, held back to a drawn date.
CREATE TABLE probe (
    concept TEXT PRIMARY KEY,
    due     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
