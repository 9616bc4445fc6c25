"""Background events as columns: drawn by a counter-based generator, joined from pieces encoded beforehand.

The nth batch of rows depends on the arguments and on n alone, so any number of threads and any number of
machines that share the batches between them make the same bytes.
"""
