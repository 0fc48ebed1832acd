DELETE FROM stream WHERE subject = $1
