"""Who ran a process and where: accounts, hosts, parents, and what the directory says of them."""
