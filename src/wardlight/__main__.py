"""`python -m wardlight`."""

from wardlight.cli import main

if __name__ == "__main__":
    main()
