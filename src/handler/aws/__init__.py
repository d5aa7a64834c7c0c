"""What the functions need besides the queues: secret, environment, signed requests, memory."""
