"""`python -m embedded`: the command `holdfast`."""

from embedded.cli import main

if __name__ == "__main__":
    main()
