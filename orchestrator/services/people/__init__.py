"""Facts about people: where they are, where they should be, and what their browsers say."""
