INSERT INTO route (route, sealed) VALUES ($1, $2)
