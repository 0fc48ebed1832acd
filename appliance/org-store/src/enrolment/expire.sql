DELETE FROM enrolment WHERE expires <= $1
