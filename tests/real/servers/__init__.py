"""The servers, each with how it is had, started and asked what it holds."""
