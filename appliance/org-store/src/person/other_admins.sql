SELECT COUNT(*) FROM person WHERE role = 'admin' AND active = 1 AND person <> $1
