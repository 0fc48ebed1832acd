UPDATE enrolment SET state = 'refused', csr = '', address = ''
WHERE code = $1 AND state = 'pending' AND expires > $2
