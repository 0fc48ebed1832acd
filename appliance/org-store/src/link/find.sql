SELECT sealed FROM link WHERE person = $1
