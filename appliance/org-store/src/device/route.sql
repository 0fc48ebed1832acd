SELECT subject FROM route WHERE route = $1
