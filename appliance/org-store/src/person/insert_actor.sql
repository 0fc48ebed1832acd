INSERT INTO actor (actor, person) VALUES ($1, $2)
