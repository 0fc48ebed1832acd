SELECT stream, head, sum FROM stream WHERE subject = $1
