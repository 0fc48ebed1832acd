SELECT stream, head, sum FROM stream WHERE subject = $1 ORDER BY stream
