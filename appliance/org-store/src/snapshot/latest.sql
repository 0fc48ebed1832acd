SELECT MAX(as_of) FROM snapshot
