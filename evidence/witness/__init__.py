"""A witness of other people's logs, for whoever wants to run one: C2SP tlog-witness on the standard library.

Run it with `python -m evidence.witness`; see docs/witness.md. It keeps one size and one root for each log, and signs a
checkpoint only where it extends the last. It needs nothing of this product but evidence.tlog and the clock.
"""
