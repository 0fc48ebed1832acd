DELETE FROM pending_login WHERE hash = $1
