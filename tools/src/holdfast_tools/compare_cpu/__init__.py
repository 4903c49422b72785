"""`tools/compare-cpu OLD NEW`: the CPU time of one request of each journey in two commits, compared.

CPU time varies far less with a machine's load than throughput or latency do.
"""
