DELETE FROM pending_login WHERE expires <= $1
