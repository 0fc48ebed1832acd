DELETE FROM delta WHERE subject = $1 AND stream = $2 AND i = $3
