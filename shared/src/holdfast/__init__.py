"""What every Holdfast service shares. Knows no service."""
