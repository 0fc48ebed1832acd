SELECT as_of, counted, met FROM snapshot ORDER BY as_of DESC LIMIT $1
