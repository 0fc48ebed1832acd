SELECT s.excluded, s.first_sync, s.changed,
    (SELECT COUNT(*) FROM stream x WHERE x.subject = s.subject),
    (SELECT COUNT(*) FROM delta d WHERE d.subject = s.subject)
FROM subject s
WHERE s.subject = $1
