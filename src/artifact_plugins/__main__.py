"""`python -m artifact_plugins` is the program `artifact-plugins`."""

from artifact_plugins.cli import main

if __name__ == "__main__":
    main()
