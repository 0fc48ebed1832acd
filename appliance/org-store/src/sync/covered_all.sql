SELECT stream, i, c, k, o, m, f, t, at FROM delta WHERE subject = $1 AND at <= $2 AND k <> 'retract'
