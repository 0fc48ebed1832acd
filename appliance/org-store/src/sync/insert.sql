INSERT INTO delta (subject, stream, i, c, k, o, m, f, t, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (subject, stream, i) DO UPDATE
SET c = excluded.c, k = excluded.k, o = excluded.o, m = excluded.m, f = excluded.f, t = excluded.t,
    at = excluded.at
