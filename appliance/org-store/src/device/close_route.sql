UPDATE route SET sealed = NULL WHERE route = $1
