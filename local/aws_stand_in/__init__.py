"""What Lambda, API Gateway, SQS and Secrets Manager do, on this machine."""
