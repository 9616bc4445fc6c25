"""What an operator runs against a workspace: reads only, and never ships with the function app."""
