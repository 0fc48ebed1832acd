SELECT DISTINCT bucket FROM subject WHERE excluded = 0 AND changed > 0 ORDER BY bucket
