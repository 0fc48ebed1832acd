SELECT id, topic, body, tries FROM outbox WHERE due <= $1 ORDER BY due, id LIMIT $2
