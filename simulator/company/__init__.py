"""The parts of a made-up organisation: people, machines, directory and registers."""
