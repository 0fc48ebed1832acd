-- Which folder of which machine this store lies in, so that a copy and a restored backup are noticed:
-- hashes under a salt of its own, one row. It is worth nothing elsewhere.
CREATE TABLE seat (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    salt     BLOB NOT NULL CHECK (length(salt) = 16),
    instance BLOB NOT NULL,
    file     BLOB,
    machine  BLOB
) STRICT;
