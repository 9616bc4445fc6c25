"""Reads command lines: by the Windows rules, as cmd.exe and PowerShell do, through every nesting."""
