INSERT INTO person (person, issuer, sub, name, email, role, dates) VALUES ($1, $2, $3, $4, $5, $6, $7)
