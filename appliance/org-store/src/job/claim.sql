INSERT INTO job (job, bucket, as_of, lease_until, fence, done) VALUES ($1, $2, $3, $4, 1, 0)
ON CONFLICT (job, bucket, as_of) DO UPDATE
SET lease_until = excluded.lease_until, fence = job.fence + 1
WHERE job.done = 0 AND job.lease_until <= $5
RETURNING fence
