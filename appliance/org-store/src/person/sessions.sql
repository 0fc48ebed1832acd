SELECT through, created, expires FROM session WHERE person = $1 ORDER BY created
