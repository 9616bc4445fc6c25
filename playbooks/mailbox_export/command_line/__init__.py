"""Reading command lines: from text, by the Windows rules and a PowerShell grammar, into frozen values."""
