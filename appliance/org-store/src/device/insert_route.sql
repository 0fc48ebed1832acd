INSERT INTO route (route, subject) VALUES ($1, $2)
