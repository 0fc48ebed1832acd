UPDATE subject SET folded_upto = $2, folded_by = $3 WHERE subject = $1
