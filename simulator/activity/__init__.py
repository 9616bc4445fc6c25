"""What happens in the organisation: scenarios put in time, and the noise of a working day."""
