INSERT INTO audit (seq, node, n, hash, body) VALUES ($1, $2, $3, $4, $5)
