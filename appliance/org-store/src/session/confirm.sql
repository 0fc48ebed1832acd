UPDATE session SET hash = $2, confirmed_at = $3, confirmed_by = $4, seen = $3 WHERE hash = $1 AND person = $5
