UPDATE sync_count SET told = 1 WHERE day = $1
