INSERT INTO stream (subject, stream, head, sum) VALUES ($1, $2, $3, $4)
ON CONFLICT (subject, stream) DO UPDATE SET head = excluded.head, sum = excluded.sum
