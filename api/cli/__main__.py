"""`python -m api.cli`: the console script without an installation."""

from api.cli.app import main

main()
