SELECT d.person, d.dates, p.role, p.dates, a.actor
FROM device d JOIN person p ON p.person = d.person JOIN actor a ON a.person = d.person
WHERE d.device = $1
