INSERT INTO snapshot_row (as_of, concept, body) VALUES ($1, $2, $3)
