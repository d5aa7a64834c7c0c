"""What the functions need besides the queues: the secret, the environment, signed requests, memory."""
