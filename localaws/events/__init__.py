"""EventBridge and its Scheduler: events reach the targets of the rules that match, schedules come due."""
