"""What the tests of this service share; nothing of the service imports it."""
