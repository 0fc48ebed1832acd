INSERT INTO link (person, sealed) VALUES ($1, $2)
