DELETE FROM actor WHERE person = $1
