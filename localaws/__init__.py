"""The laptop's AWS: runs a synthesized CDK cloud assembly in one process, with no Docker and no account.

moto answers the API calls; this package adds what moto lacks: deployment of the assembly, functions that really
run, event delivery, SQL, locking and permissions. It knows nothing of Sluice and could be published by itself.
"""
