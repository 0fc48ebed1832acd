SELECT concept, state, first, last, seen, answers, passes, last_answer, mismatches
FROM pair WHERE subject = $1 ORDER BY concept
