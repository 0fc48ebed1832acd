INSERT INTO outbox (id, topic, body, due, tries) VALUES ($1, $2, $3, $4, 0)
