DELETE FROM person WHERE person = $1
