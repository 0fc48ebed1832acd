INSERT INTO enrolment (poll, code, state, name, platform, csr, address, started, expires)
VALUES ($1, $2, 'pending', $3, $4, $5, $6, $7, $8)
