SELECT p.person, a.actor, p.issuer, p.sub, p.name, p.email, p.role, p.dates
FROM person p JOIN actor a ON a.person = p.person
WHERE p.name = $1
ORDER BY p.person
LIMIT 1
