SELECT device, serial, dates FROM device ORDER BY serial
