"""The pytest plugin: fixtures and failure reports for durable workflows."""
