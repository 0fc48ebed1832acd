INSERT INTO audit_checkpoint (seq, body) VALUES ($1, $2)
