"""One small silver and gold model, built by Sluice on both engines and by what else people build such models with."""
