"""Why commands of Redis 7.0 are absent: by command where one has a reason of its own, else by group."""

GROUPS = {
    "cluster": "nodes agree among themselves on who holds which slots",
    "generic": "comes with a later version",
    "server": "comes with a later version",
    "connection": "comes with a later version",
}

REPLICATION = "other servers cannot be replicas of a Starling: nodes replicate to each other by another protocol"
EPOCHS = "epochs are agreed on by consensus"
ROLES = "every node holds data and coordinates some of it: there are no masters and replicas"
MODULES = "there are no modules"

COMMANDS = {
    "psync": REPLICATION, "sync": REPLICATION, "replconf": REPLICATION, "failover": REPLICATION,
    "module": MODULES,
    "bgrewriteaof": "there is no AOF to rewrite: the commit log is shortened by itself at each checkpoint",
    "migrate": "moves keys between nodes of a Redis cluster; Starling's nodes move partitions themselves",
    "restore-asking": "internal to Redis clusters",
    "cluster bumpepoch": EPOCHS, "cluster set-config-epoch": EPOCHS,
    "cluster failover": ROLES, "cluster replicate": ROLES,
    "cluster reset": "a cluster's members are agreed on by all of them",
    "cluster saveconfig": "what nodes have agreed on is on disk before it counts",
}


def reason(name, group):
    """Never empty. `name` in lower case; a subcommand is "container word"."""
    return COMMANDS.get(name) or COMMANDS.get(name.split()[0]) or GROUPS.get(group, "comes with a later version")
