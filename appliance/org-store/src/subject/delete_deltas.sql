DELETE FROM delta WHERE subject = $1
