"""What a log format is: a reader that recognises its files by their content and turns them into Curves."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from advisor.curves import Curves
from advisor.errors import AdvisorError

MAX_BYTES = 512 * 1024 * 1024
HEAD_BYTES = 64 * 1024
READABLE = (
    "a readable log is a CSV or TSV table with a header such as 'epoch,train_loss,val_loss', JSON Lines with one "
    "object a line, or a Hugging Face trainer_state.json"
)


@dataclass(frozen=True)
class LogFile:
    """A file that may be a log: its path and its first bytes, the rest only on demand."""

    path: Path
    head_bytes: bytes
    size: int

    @classmethod
    def open(cls, path: Path) -> "LogFile":
        """Look at the file at `path`.

        Raises:
            AdvisorError: it is missing, no regular file, empty, larger than 512 MiB, or not ours to read.
        """
        try:
            if not path.is_file():
                found = "it does not exist" if not path.exists() else "it is no regular file"
                raise AdvisorError(f"Cannot read {str(path)!r}: {found}; give the path of a log; {READABLE}.")
            size = path.stat().st_size
            if size == 0:
                raise AdvisorError(f"Cannot read {str(path)!r}: the file is empty; {READABLE}.")
            if size > MAX_BYTES:
                raise AdvisorError(
                    f"Cannot read {str(path)!r}: it has {size / 2**20:.0f} MiB and the limit is "
                    f"{MAX_BYTES / 2**20:.0f} MiB; log less often or keep only the columns that matter."
                )
            with path.open("rb") as stream:
                return cls(path, stream.read(HEAD_BYTES), size)
        except OSError as error:
            raise AdvisorError(
                f"Cannot read {str(path)!r}: {error.strerror}; check the path and its rights."
            ) from error

    @cached_property
    def head(self) -> str:
        """The first 64 KiB as text; a last line that the cut left incomplete is dropped."""
        text = decode(self.head_bytes)
        complete, newline, _ = text.rpartition("\n")
        return complete if self.size > len(self.head_bytes) and newline else text

    @property
    def is_binary(self) -> bool:
        """Whether the first bytes cannot be text: a NUL outside UTF-16, or many control characters."""
        if self.head_bytes.startswith((b"\xff\xfe", b"\xfe\xff")):
            return False
        control = sum(byte < 9 or 13 < byte < 27 for byte in self.head_bytes)
        return b"\0" in self.head_bytes or control > 0.02 * len(self.head_bytes)

    def text(self) -> str:
        """The whole file as text.

        Raises:
            AdvisorError: it can no longer be read.
        """
        try:
            return decode(self.path.read_bytes())
        except OSError as error:
            raise AdvisorError(f"Cannot read {str(self.path)!r}: {error.strerror}; check its rights.") from error


def decode(data: bytes) -> str:
    """Bytes as text: UTF-16 where a byte-order mark says so, else UTF-8 with unreadable bytes replaced."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


class Reader(Protocol):
    """One log format. Its module calls `register` once; nothing else names it."""

    @property
    def name(self) -> str:
        """The format's name, as notes and messages say it."""
        ...

    def sniff(self, file: LogFile) -> float:
        """How likely the file is of this format, in [0, 1], from its content first and its name second."""
        ...

    def read(self, file: LogFile) -> list[Curves]:
        """The runs in the file.

        Raises:
            AdvisorError: there is nothing to read; the message names the file and what was found.
        """
        ...


READERS: list[Reader] = []


def register(reader: Reader) -> None:
    """Add a format to those that `read` tries."""
    READERS.append(reader)
