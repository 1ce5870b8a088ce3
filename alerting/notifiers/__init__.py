"""The edge of alerting: kinds of code that deliver one message once."""
