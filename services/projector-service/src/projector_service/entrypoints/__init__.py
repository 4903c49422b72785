"""The named commands beside the service itself."""
