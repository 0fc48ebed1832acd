-- The schema that the migrations make, on SQLite. For people; a test keeps it true.

CREATE TABLE actor (
    actor BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL UNIQUE
) WITHOUT ROWID;

CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    node BIGINT NOT NULL,
    n BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (node, n)
) WITHOUT ROWID;

CREATE TABLE audit_checkpoint (
    seq BIGINT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit_node (
    node BIGINT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit_pending (
    node BIGINT NOT NULL,
    n BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (node, n)
) WITHOUT ROWID;

CREATE TABLE delta (
    subject BYTEA NOT NULL,
    stream BYTEA NOT NULL,
    i BIGINT NOT NULL,
    c TEXT NOT NULL,
    k TEXT NOT NULL,
    o TEXT,
    m TEXT,
    f TEXT,
    t TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (subject, stream, i)
) WITHOUT ROWID;

CREATE TABLE device (
    device BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL,
    name TEXT NOT NULL,
    platform TEXT,
    serial BYTEA NOT NULL UNIQUE,
    dates BYTEA NOT NULL
, machines BYTEA) WITHOUT ROWID;

CREATE TABLE enrolment (
    poll BYTEA NOT NULL PRIMARY KEY,
    code BYTEA NOT NULL UNIQUE,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    platform TEXT,
    csr TEXT NOT NULL,
    address TEXT NOT NULL,
    started BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    reply TEXT
) WITHOUT ROWID;

CREATE TABLE job (
    job TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    as_of BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    done BIGINT NOT NULL,
    PRIMARY KEY (job, bucket, as_of)
) WITHOUT ROWID;

CREATE TABLE link (
    person BYTEA NOT NULL PRIMARY KEY,
    sealed BYTEA NOT NULL
) WITHOUT ROWID;

CREATE TABLE link_token (
    hash BYTEA NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    person BYTEA,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT
) WITHOUT ROWID;

CREATE TABLE migration (
    version BIGINT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE outbox (
    id BYTEA NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    body TEXT NOT NULL,
    due BIGINT NOT NULL,
    tries BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE pair (
    subject BYTEA NOT NULL,
    concept TEXT NOT NULL,
    state TEXT NOT NULL,
    first BIGINT,
    last BIGINT,
    seen BIGINT NOT NULL,
    answers BIGINT NOT NULL,
    passes BIGINT NOT NULL,
    last_answer BIGINT,
    mismatches BIGINT NOT NULL,
    PRIMARY KEY (subject, concept)
) WITHOUT ROWID;

CREATE TABLE pending_login (
    hash BYTEA NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    expires BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE person (
    person BYTEA NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    sub TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    role TEXT NOT NULL,
    dates BYTEA NOT NULL,
    UNIQUE (issuer, sub)
) WITHOUT ROWID;

CREATE TABLE route (
    route BYTEA NOT NULL PRIMARY KEY,
    sealed BYTEA
) WITHOUT ROWID;

CREATE TABLE session (
    hash BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL,
    csrf BYTEA NOT NULL,
    through TEXT NOT NULL,
    created BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    confirmed_at BIGINT,
    confirmed_by TEXT NOT NULL,
    expires BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE snapshot (
    as_of BIGINT NOT NULL PRIMARY KEY,
    counted BIGINT NOT NULL,
    met TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE snapshot_row (
    as_of BIGINT NOT NULL,
    concept TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (as_of, concept)
) WITHOUT ROWID;

CREATE TABLE store (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    store BYTEA NOT NULL,
    generation BIGINT NOT NULL,
    sample BIGINT NOT NULL,
    ledger_n BIGINT NOT NULL,
    ledger_hash BYTEA
) WITHOUT ROWID;

CREATE TABLE stream (
    subject BYTEA NOT NULL,
    stream BYTEA NOT NULL,
    head BIGINT NOT NULL,
    sum BIGINT NOT NULL,
    PRIMARY KEY (subject, stream)
) WITHOUT ROWID;

CREATE TABLE subject (
    subject BYTEA NOT NULL PRIMARY KEY,
    bucket BIGINT NOT NULL,
    first_sync BIGINT NOT NULL,
    excluded BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    folded_upto BIGINT NOT NULL,
    folded_by TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sync_count (
    day BIGINT NOT NULL PRIMARY KEY,
    syncs BIGINT NOT NULL,
    told BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX device_by_person ON device (person, device);

CREATE INDEX session_by_person ON session (person);

CREATE INDEX subject_by_bucket ON subject (bucket, subject);
