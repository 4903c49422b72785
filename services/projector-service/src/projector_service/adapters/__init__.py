"""Elasticsearch and Kafka as the projector uses them."""
