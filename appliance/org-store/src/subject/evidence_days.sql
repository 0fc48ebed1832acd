SELECT DISTINCT at / 86400 FROM delta WHERE subject = $1 AND k <> 'retract' ORDER BY 1
