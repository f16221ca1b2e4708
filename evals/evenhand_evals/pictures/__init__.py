"""Pictures: drawn without a graphics library, and read from the user's files."""
