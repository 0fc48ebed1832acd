CREATE TABLE payments (
    id text PRIMARY KEY,
    merchant text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    settled_at timestamptz
);
CREATE INDEX payments_open ON payments (merchant, id) WHERE settled_at IS NULL;
