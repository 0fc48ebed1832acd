UPDATE person SET role = $2 WHERE person = $1 AND role <> $2
