SELECT r.body FROM snapshot_row r
WHERE r.as_of = (SELECT MAX(x.as_of) FROM snapshot_row x WHERE x.concept = r.concept)
