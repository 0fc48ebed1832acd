DELETE FROM link_token WHERE expires <= $1
