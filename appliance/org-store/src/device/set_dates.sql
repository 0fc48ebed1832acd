UPDATE device SET dates = $2 WHERE device = $1
