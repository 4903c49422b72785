"""From the outbox to Kafka: every stored event becomes one message, in the order of its stream."""
