"""What is reported of each message: answers, logs, metrics, and the codes that they share."""
