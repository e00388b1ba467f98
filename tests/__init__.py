"""The tests: ``make test`` runs fast ones, then slow ones; ``make proof`` runs what takes hours.

What of a proof is a share in the suite stands in ``docs/decisions/0018-a-share-of-each-proof-in-the-fast-tests.md``.
"""
