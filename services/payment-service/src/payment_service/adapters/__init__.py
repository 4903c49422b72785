"""What the charges need from outside: the durable ledger and the simulated card processor."""
