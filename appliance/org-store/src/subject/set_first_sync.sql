UPDATE subject SET first_sync = $2 WHERE subject = $1
