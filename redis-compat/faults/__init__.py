"""Checks of what a server must survive."""
