"""What the parts promise each other: published events, the public API's models, read-model documents."""
