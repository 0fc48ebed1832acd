UPDATE outbox SET due = $2, tries = tries + 1 WHERE id = $1
