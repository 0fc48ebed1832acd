SELECT seq, hash, body FROM audit WHERE seq >= $1 ORDER BY seq LIMIT $2
