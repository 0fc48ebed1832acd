SELECT stream, i, c, k, o, m, f, t, at FROM delta WHERE subject = $1 AND stream = $2 AND i >= $3
ORDER BY i
LIMIT $4
