"""A simulated card processor behind a durable ledger of charges."""
