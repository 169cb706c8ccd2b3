"""The Ray side: a cluster, and the processes that runs have on it."""
