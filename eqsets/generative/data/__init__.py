"""Images: read from files, checked, and freed of interpolation artifacts."""
