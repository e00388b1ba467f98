"""The tests: ``make test`` runs fast ones, then slow ones; ``make proof`` runs what takes hours.

Of what is proven at length the suite keeps a share:

=========================================================  ==========================  ===========================
what                                                       in the suite                in ``make proof``
=========================================================  ==========================  ===========================
random histories of the small shop                         4 seeds                     20 seeds, and 200 more
(``sluice/refresh/test_incremental.py``)
awkward rows on DuckDB and Spark, each transform           3 examples, no rows among   5 of the same seed, and
(``glue_jobs/test_engines.py``)                            them                        100 more
memory with long texts in lists, structs and maps          3 files: each nesting,      all 12
(``sluice/ingestion/test_memory.py``)                      role and kind of schema
real sales computed anew by the Glue job                   ``gold.fact_order_line``    every derived table
(``end_to_end/test_real_model.py``)
functions killed at each of their calls                    every 30th (files) and      every call
(``end_to_end/test_crash_safety.py``,                      24th (streams), from one
``test_stream_faults.py``)                                 by chance, printed
=========================================================  ==========================  ===========================
"""
