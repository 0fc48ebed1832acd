UPDATE person SET active = $2 WHERE person = $1 AND active <> $2
