UPDATE device SET machines = $2 WHERE device = $1
