"""Jobs: the same command on a cluster, on a head of this machine, or in this process."""
