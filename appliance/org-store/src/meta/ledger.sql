SELECT ledger_n, ledger_hash FROM store WHERE one = 1
