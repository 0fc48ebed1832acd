SELECT COUNT(*) FROM enrolment WHERE state = 'pending' AND expires > $1
