"""The registers: watchlist rows as they are written, and what they allow when."""
