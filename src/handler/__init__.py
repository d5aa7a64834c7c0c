"""The two Lambda functions and their edges: the door, the queue, the secret, logs and metrics."""
