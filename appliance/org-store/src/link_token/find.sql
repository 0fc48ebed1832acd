SELECT purpose, person, expires, used FROM link_token WHERE hash = $1
