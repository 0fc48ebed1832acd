UPDATE route SET subject = NULL WHERE subject = $1
