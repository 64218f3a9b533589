"""What travels inside every package: checkers that need nothing of this product, and a page of plain commands.

`verify.py` is run as a file of its own. The product does not import it; tests do.
"""
