SELECT p.name FROM actor a JOIN person p ON p.person = a.person WHERE a.actor = $1
