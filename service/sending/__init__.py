"""How telemetry leaves a worker: the SDK's transport, made cheap for the interpreter that it shares with requests."""
