"""Results that are asked for again: in the process by default, in Redis where several workers are to share them."""
