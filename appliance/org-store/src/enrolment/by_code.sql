SELECT state, name, platform, csr, address, started, expires FROM enrolment WHERE code = $1 AND expires > $2
