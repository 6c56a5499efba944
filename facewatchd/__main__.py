"""
`python -m facewatchd`: the same as the command `facewatchd`.
"""

from facewatchd.cli.main import main

if __name__ == "__main__":
    main(prog_name="facewatchd")
