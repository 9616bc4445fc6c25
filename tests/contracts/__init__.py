"""Every exchange of the suite, held against the services' API documents."""
