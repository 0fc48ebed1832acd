INSERT INTO session (hash, person, csrf, through, created, seen, confirmed_at, confirmed_by, expires)
VALUES ($1, $2, $3, $4, $5, $5, $6, $4, $7)
