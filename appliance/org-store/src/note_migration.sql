INSERT INTO migration (version) VALUES ($1)
