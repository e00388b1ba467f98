"""`sluice doctor`: what is looked at on this machine and in an account before a deployment, one check each."""
