"""`python -m evenhand_proxy` is the `evenhand` command."""

from evenhand_proxy.cli.root import main

if __name__ == "__main__":
    main()
