UPDATE store SET ledger_n = $1, ledger_hash = $2 WHERE one = 1 AND ledger_n <= $1
