SELECT subject, changed FROM subject
WHERE changed <> folded_upto OR folded_by <> $1
ORDER BY bucket, subject
LIMIT $2
