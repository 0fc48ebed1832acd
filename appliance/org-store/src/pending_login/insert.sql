INSERT INTO pending_login (hash, body, expires) VALUES ($1, $2, $3)
