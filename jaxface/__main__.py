"""`python -m jaxface` is the `jaxface` command."""

from jaxface.cli.main import main

if __name__ == "__main__":
    main()
