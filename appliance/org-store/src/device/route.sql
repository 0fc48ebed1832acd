SELECT sealed FROM route WHERE route = $1
