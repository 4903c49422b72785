"""What the shop says of itself while it is under test, written down each half second."""
