"""The code of one helper function; nothing here is imported by the constructs."""
