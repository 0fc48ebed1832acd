INSERT INTO audit_pending (node, n, body) VALUES ($1, $2, $3)
