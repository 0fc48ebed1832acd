SELECT machines FROM device WHERE device = $1
