INSERT INTO subject (subject, bucket, first_sync, excluded, changed, folded_upto, folded_by)
VALUES ($1, $2, $3, 0, 1, 0, '')
ON CONFLICT (subject) DO UPDATE
SET changed = subject.changed + 1,
    first_sync = CASE WHEN subject.changed = 0 THEN excluded.first_sync ELSE subject.first_sync END
