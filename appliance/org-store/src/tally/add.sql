INSERT INTO sync_count (day, syncs, told) VALUES ($1, $2, 0)
ON CONFLICT (day) DO UPDATE SET syncs = sync_count.syncs + excluded.syncs
