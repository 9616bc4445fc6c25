"""The verdict told to a person: findings, facts, next steps, and the row that was missing."""
