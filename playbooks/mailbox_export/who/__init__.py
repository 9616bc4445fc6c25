"""Who ran it: accounts, hosts and mailboxes, resolved to exactly one directory user or not at all."""
