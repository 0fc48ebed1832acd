INSERT INTO link_token (hash, purpose, person, created, expires) VALUES ($1, $2, $3, $4, $5)
