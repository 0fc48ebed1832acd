SELECT subject, first_sync FROM subject WHERE excluded = 0 AND changed > 0 AND bucket = $1
