"""The only door to the network: requests and their answers, credentials, waits, budgets, SSH, TCP, and addresses."""
