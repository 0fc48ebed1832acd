SELECT node, MAX(n) FROM audit GROUP BY node
