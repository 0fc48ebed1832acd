SELECT stream, i, c, k, o, m, f, t, at FROM delta WHERE subject = $1
ORDER BY at DESC, stream DESC, i DESC
LIMIT $2
