"""The pure rules of a charge: no time, no storage, no network."""
