SELECT COALESCE(SUM(mismatches), 0) FROM pair
