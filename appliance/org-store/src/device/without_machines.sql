SELECT device FROM device WHERE machines IS NULL
