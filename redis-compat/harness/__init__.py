"""What every part of redis-compat shares: the protocol, servers and the tally of checks."""
