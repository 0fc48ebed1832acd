INSERT INTO store (one, store, generation, sample, ledger_n) VALUES (1, $1, 1, $2, 0)
