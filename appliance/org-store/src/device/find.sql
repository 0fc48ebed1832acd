SELECT d.device, d.person, p.name, d.name, d.platform, d.serial, d.dates
FROM device d JOIN person p ON p.person = d.person
WHERE d.device = $1
