SELECT first_sync FROM subject WHERE excluded = 0 AND changed > 0
ORDER BY first_sync LIMIT 1 OFFSET $1
