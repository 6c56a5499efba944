"""
`facewatchd run` with little patience for file systems that do not answer: `python impatient.py CONFIG`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from facewatchd.cli.command import end_when_told
from facewatchd.config import Config, load_config
from facewatchd.daemon.process.start import run
from facewatchd.log import set_up_logging
from facewatchd.watch.answering import Answers

PATIENCE_S, SILENT_S = 0.3, 1.0


def main(path: Path) -> None:
    """As the command does it."""
    end_when_told()
    answers = Answers(PATIENCE_S, SILENT_S)

    def read() -> Config:
        return load_config(path, {}, answers.real_path)

    config = read()
    set_up_logging(config.log.level)
    run(config, once=False, read=read, answers=answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
