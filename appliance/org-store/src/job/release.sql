UPDATE job SET lease_until = 0 WHERE job = $1 AND bucket = $2 AND as_of = $3 AND fence = $4 AND done = 0
