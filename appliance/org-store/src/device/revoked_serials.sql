SELECT serial, revoked FROM device WHERE revoked IS NOT NULL ORDER BY serial
