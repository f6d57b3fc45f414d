"""`python -m stack`: the same as the console command `genesis`."""

from stack.cli import main

main()
