DELETE FROM audit_pending WHERE node = $1 AND n = $2
