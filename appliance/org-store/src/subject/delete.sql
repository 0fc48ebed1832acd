DELETE FROM subject WHERE subject = $1
