"""Folds Kafka's events into Elasticsearch documents."""
