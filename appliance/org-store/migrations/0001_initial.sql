-- Types and statements are the subset that SQLite and PostgreSQL share: BIGINT for every integer
-- and boolean, BYTEA for ids. Times are unix seconds UTC, days are days since 1970.
-- On SQLite each table is stored by its primary key (engine/sqlite.rs appends WITHOUT ROWID).
-- What is called sealed is closed under k_link, which is not in this file.

CREATE TABLE migration (
    version BIGINT NOT NULL PRIMARY KEY
);

-- What this store is; one row. The ledger's place tells whether a ledger was cut off.
CREATE TABLE store (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    store BYTEA NOT NULL,
    generation BIGINT NOT NULL,
    sample BIGINT NOT NULL,
    ledger_n BIGINT NOT NULL,
    ledger_hash BYTEA
);

-- ---- evidence: subjects, streams and deltas; no device, no person, nothing finer than an hour

-- first_sync: the Monday on or after the first push, by the server's date.
-- changed rises with each change of the subject's rows; pairs are folded as far as folded_upto.
CREATE TABLE subject (
    subject BYTEA NOT NULL PRIMARY KEY,
    bucket BIGINT NOT NULL,
    first_sync BIGINT NOT NULL,
    excluded BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    folded_upto BIGINT NOT NULL,
    folded_by TEXT NOT NULL
);

CREATE INDEX subject_by_bucket ON subject (bucket, subject);

CREATE TABLE stream (
    subject BYTEA NOT NULL,
    stream BYTEA NOT NULL,
    head BIGINT NOT NULL,
    sum BIGINT NOT NULL,
    PRIMARY KEY (subject, stream)
);

-- A place up to its stream's head that has no row here is gone.
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
);

-- ---- persons: accounts, sessions and devices; no subject, and no plain date

-- dates: sealed day of the last sign-in, and whether the account is switched on; always as long.
CREATE TABLE person (
    person BYTEA NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    sub TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    role TEXT NOT NULL,
    dates BYTEA NOT NULL,
    UNIQUE (issuer, sub)
);

-- Who an audit row's random id is; erasable, while the row is not.
CREATE TABLE actor (
    actor BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL UNIQUE
);

-- dates: sealed month of enrolment, day last seen, end of the certificate, whether and on which day
-- it was revoked; always as long, so that no row moves when they change.
CREATE TABLE device (
    device BYTEA NOT NULL PRIMARY KEY,
    person BYTEA NOT NULL,
    name TEXT NOT NULL,
    platform TEXT,
    serial BYTEA NOT NULL UNIQUE,
    dates BYTEA NOT NULL
);

CREATE INDEX device_by_person ON device (person, device);

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
);

CREATE INDEX session_by_person ON session (person);

CREATE TABLE link_token (
    hash BYTEA NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    person BYTEA,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT
);

CREATE TABLE pending_login (
    hash BYTEA NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    expires BIGINT NOT NULL
);

-- A device that asks to come in; gone ten minutes after its end. csr and address are emptied when
-- it is decided.
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
);

-- ---- between the two: nothing that opens without k_link

-- sealed: the person's subject.
CREATE TABLE link (
    person BYTEA NOT NULL PRIMARY KEY,
    sealed BYTEA NOT NULL
);

-- route: HMAC(k_link, device); sealed: the subject, under k_link. None: it was erased.
CREATE TABLE route (
    route BYTEA NOT NULL PRIMARY KEY,
    sealed BYTEA
);

-- ---- figures: no rows of persons

-- One row a concept that a subject has evidence of, folded from its deltas as far as the
-- subject's folded_upto says. first, last, last_answer: hours.
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
);

CREATE TABLE snapshot (
    as_of BIGINT NOT NULL PRIMARY KEY,
    counted BIGINT NOT NULL,
    met TEXT NOT NULL
);

CREATE TABLE snapshot_row (
    as_of BIGINT NOT NULL,
    concept TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (as_of, concept)
);

-- Work that one node at a time does. A fence lower than the row's belongs to a lease that is over.
CREATE TABLE job (
    job TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    as_of BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    done BIGINT NOT NULL,
    PRIMARY KEY (job, bucket, as_of)
);

-- ---- operation

CREATE TABLE outbox (
    id BYTEA NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    body TEXT NOT NULL,
    due BIGINT NOT NULL,
    tries BIGINT NOT NULL
);

-- Syncs of a day, for the whole site; told: its audit row was written.
CREATE TABLE sync_count (
    day BIGINT NOT NULL PRIMARY KEY,
    syncs BIGINT NOT NULL,
    told BIGINT NOT NULL
);

-- Last number of each node's own audit log.
CREATE TABLE audit_node (
    node BIGINT NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
);

-- Rows that wait to be chained.
CREATE TABLE audit_pending (
    node BIGINT NOT NULL,
    n BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (node, n)
);

-- The chain. body is the one canonical spelling (audit_log::NodeRow::canonical).
CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    node BIGINT NOT NULL,
    n BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (node, n)
);

CREATE TABLE audit_checkpoint (
    seq BIGINT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);
