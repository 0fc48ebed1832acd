DELETE FROM stream WHERE subject = $1 AND stream = $2
