"""What the functions need of AWS besides the queues: the secret, the environment, memory."""
