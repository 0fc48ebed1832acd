DELETE FROM pair WHERE subject = $1
