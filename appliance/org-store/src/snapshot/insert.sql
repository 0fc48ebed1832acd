INSERT INTO snapshot (as_of, counted, met) VALUES ($1, $2, $3)
