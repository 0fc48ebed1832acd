SELECT COUNT(*) FROM session WHERE expires > $1
