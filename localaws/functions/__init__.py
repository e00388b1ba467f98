"""Lambda: functions that really run, their asynchronous calls, and the event source mappings that poll for them."""
