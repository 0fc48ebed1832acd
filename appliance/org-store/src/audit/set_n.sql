INSERT INTO audit_node (node, n) VALUES ($1, $2)
ON CONFLICT (node) DO UPDATE SET n = excluded.n
