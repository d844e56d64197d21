"""The operations, each written once: generators that look at history and yield effects."""
