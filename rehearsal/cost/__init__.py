"""What a set of sample rates costs and what it does to every alert: price books, bills, power."""
