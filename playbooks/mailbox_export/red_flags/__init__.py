"""What keeps an incident open whatever covers it."""
