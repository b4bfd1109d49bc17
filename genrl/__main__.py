"""`python -m genrl` is `genrl`."""

from genrl.cli.app import main

main()
