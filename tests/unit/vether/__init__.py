"""The pure parts of vether."""
