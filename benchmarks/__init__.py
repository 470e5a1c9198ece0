"""Programs that print the figures README quotes. They measure; they are not part of the service."""
