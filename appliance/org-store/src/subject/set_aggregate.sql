UPDATE subject SET excluded = $2 WHERE subject = $1 AND excluded <> $2
