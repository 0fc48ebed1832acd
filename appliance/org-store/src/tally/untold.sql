SELECT day, syncs FROM sync_count WHERE told = 0 AND day < $1 ORDER BY day
