SELECT body FROM pending_login WHERE hash = $1 AND expires > $2
