UPDATE person SET name = $2, email = $3, role = $4 WHERE person = $1
