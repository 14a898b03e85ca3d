"""How the Java servers are run: heap, collector, classpath, and temporary files inside their own folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.install import program
from deploy.stack.process import Command


@dataclass(frozen=True, slots=True)
class Program:
    """A main class, the folder of its jars, its heap in MB and further options of the virtual machine."""

    main: str
    jars: Path
    heap_mb: int
    options: tuple[str, ...] = ()

    def command(self, home: Path, *arguments: str) -> Command:
        """Return the command that runs it in its own folder."""
        temporary = home / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)      # native libraries unpacked by a former run
        temporary.mkdir(parents=True)
        return Command((
            program("java"), f"-Xms{self.heap_mb // 2}m", f"-Xmx{self.heap_mb}m",
            "-XX:+UseParallelGC",                         # G1's helpers compete for the same two cores
            "-XX:+ExitOnOutOfMemoryError",                # an error at the next `up` beats a server half alive
            "-XX:-UsePerfData", f"-Djava.io.tmpdir={temporary}", "-Djava.awt.headless=true",
            *self.options, "-cp", f"{self.jars}/*", self.main, *arguments,
        ), folder=home)
