SELECT body FROM snapshot_row WHERE as_of = $1 ORDER BY concept
