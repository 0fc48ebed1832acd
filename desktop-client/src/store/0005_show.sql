-- By which ways a check was put before the engineer: each once, restarts of the agent included. `way` is
-- `line` (in the harness) or `notification`.
CREATE TABLE shown (
    ask INTEGER NOT NULL REFERENCES ask (id) ON DELETE CASCADE,
    way TEXT NOT NULL,
    at  INTEGER NOT NULL,
    PRIMARY KEY (ask, way)
) STRICT, WITHOUT ROWID;
