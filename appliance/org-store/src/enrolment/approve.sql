UPDATE enrolment SET state = 'approved', reply = $2, expires = $3, csr = '', address = ''
WHERE code = $1 AND state = 'pending' AND expires > $4
