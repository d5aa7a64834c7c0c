"""What is told of each message: answers, logs, metrics, and the codes they share."""
