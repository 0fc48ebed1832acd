UPDATE device SET serial = $2, dates = $3 WHERE device = $1
