INSERT INTO pair (subject, concept, state, first, last, seen, answers, passes, last_answer, mismatches)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
