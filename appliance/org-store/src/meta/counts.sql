SELECT
    (SELECT COUNT(*) FROM person),
    (SELECT COUNT(*) FROM subject),
    (SELECT COUNT(*) FROM subject WHERE excluded = 1),
    (SELECT COUNT(*) FROM stream),
    (SELECT COUNT(*) FROM delta),
    (SELECT COUNT(*) FROM snapshot),
    (SELECT COUNT(*) FROM audit),
    (SELECT COUNT(*) FROM audit_pending),
    (SELECT CAST(COALESCE(SUM(syncs), 0) AS BIGINT) FROM sync_count WHERE day = $1)
