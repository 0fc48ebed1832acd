SELECT state, reply, expires FROM enrolment WHERE poll = $1
