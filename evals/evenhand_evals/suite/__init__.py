"""A suite: several tasks on several models, and the report that sets them side by side."""
