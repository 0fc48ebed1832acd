INSERT INTO device (device, person, name, platform, serial, dates, machines) VALUES ($1, $2, $3, $4, $5, $6, $7)
