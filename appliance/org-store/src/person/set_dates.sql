UPDATE person SET dates = $2 WHERE person = $1
