INSERT INTO subject (subject, bucket, first_sync, excluded, changed, folded_upto, folded_by)
VALUES ($1, $2, $3, 0, 0, 0, '')
ON CONFLICT (subject) DO NOTHING
