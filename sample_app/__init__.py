"""A CDK app with three durable workflows: the living example."""
