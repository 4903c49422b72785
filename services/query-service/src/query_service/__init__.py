"""The read side: queries on Elasticsearch."""
