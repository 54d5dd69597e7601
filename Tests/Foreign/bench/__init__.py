"""What the trials stand on: a broker, replicas, the wire format, and waiting for conditions."""
