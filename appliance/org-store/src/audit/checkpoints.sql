SELECT body FROM audit_checkpoint WHERE seq >= $1 ORDER BY seq LIMIT $2
