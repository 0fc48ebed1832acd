SELECT s.person, p.name, p.email, p.role, s.csrf, s.through, s.created, s.seen, s.confirmed_at, s.confirmed_by, s.expires, p.dates
FROM session s JOIN person p ON p.person = s.person
WHERE s.hash = $1 AND s.expires > $2
