SELECT d.person, d.revoked, p.role, p.active, a.actor
FROM device d JOIN person p ON p.person = d.person JOIN actor a ON a.person = d.person
WHERE d.device = $1
