"""Result rows, their tables and plots."""
