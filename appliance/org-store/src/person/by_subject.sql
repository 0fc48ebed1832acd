SELECT p.person, a.actor, p.issuer, p.sub, p.name, p.email, p.role, p.dates
FROM person p JOIN actor a ON a.person = p.person
WHERE p.issuer = $1 AND p.sub = $2
