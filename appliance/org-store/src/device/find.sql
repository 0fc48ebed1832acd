SELECT d.device, d.person, p.name, d.name, d.platform, d.serial, d.dates, d.revoked
FROM device d JOIN person p ON p.person = d.person
WHERE d.device = $1
