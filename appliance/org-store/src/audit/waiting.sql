SELECT node, n, body FROM audit_pending ORDER BY node, n LIMIT $1
