"""What every process does the same way: settings, logs, metrics, context, problems, tokens, health, serving."""
