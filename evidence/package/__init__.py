"""Packages: exhibits with everything that a stranger needs to check them, and the checking.

docs/package-format.md is the format. `make` writes a package, `check` says what one proves; `inside` holds the
checkers that travel with each package and know nothing of this product.
"""
