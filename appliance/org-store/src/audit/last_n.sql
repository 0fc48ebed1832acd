SELECT n FROM audit_node WHERE node = $1
