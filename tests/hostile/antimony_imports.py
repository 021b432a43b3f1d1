"""Antimony that imports itself, others' files, or makes more instances than there is room for."""

from __future__ import annotations

import os
from pathlib import Path

from tests.hostile import Files, Grounds, hostile

ANT = {"act": "antimony", "suffix": ".ant"}


def importing(name: str, more: str = "") -> str:
    return f'import "{name}"\n{more}model m\n  a: secret()\nend\n'


@hostile("Antimony: imports of other files", **ANT)
def elsewhere() -> Files:
    sources = {
        "a path": lambda g: str(g.secret / "secret.ant"),
        "a path upwards": lambda g: os.path.relpath(g.secret / "secret.ant", g.folder),
        "far upwards": lambda g: "../" * 40 + str(g.secret / "secret.ant").lstrip("/"),
        "down and up": lambda g: "x/../" + os.path.relpath(g.secret / "secret.ant", g.folder),
        "a file address": lambda g: (g.secret / "secret.ant").as_uri(),
        "the web": lambda g: f"{g.web}/secret.ant",
        "SBML elsewhere": lambda g: str(g.secret / "secret.xml"),
        "passwords": lambda _: "/etc/passwd",
        "a device": lambda _: "/dev/zero",
        "backslashes": lambda _: "..\\..\\secret\\secret.ant",
        "a share": lambda _: "\\\\127.0.0.1\\share\\secret.ant",
        "a home": lambda _: "~/secret.ant",
        "a variable": lambda _: "$HOME/secret.ant",
        "nothing": lambda _: "",
        "a folder": lambda _: ".",
        "a missing file": lambda _: "missing.ant",
        "a long name": lambda _: "x" * 100_000 + ".ant",
        "NUL": lambda _: "secret.ant\0.txt",
        "escapes": lambda _: "\x1b[31msecret.ant",
    }
    for name, source in sources.items():
        yield name, lambda g, s=source: importing(s(g))
    yield "in a comment of another", lambda g: importing("x.ant*/", f'/* " */ import "{g.secret}/secret.ant"\n')

    def beside(kind: str) -> object:
        def make(grounds: Grounds) -> str:
            path = grounds.folder / "other.ant"
            if kind == "pipe":
                os.mkfifo(path)
            elif kind == "folder":
                path.mkdir()
            else:
                path.symlink_to(grounds.secret / "secret.ant" if kind == "secret" else kind)
            return importing("other.ant")

        return make

    yield "a pipe", beside("pipe")
    yield "a folder called so", beside("folder")
    yield "a link to a secret", beside("secret")
    yield "a link to a device", beside("/dev/zero")
    yield "a link to itself", beside("other.ant")

    def through_a_folder(grounds: Grounds) -> str:
        (grounds.folder / "x").symlink_to(grounds.secret, target_is_directory=True)
        return importing("x/secret.ant")

    yield "a folder that is a link", through_a_folder


@hostile("Antimony: imports of themselves", **ANT)
def themselves() -> Files:
    yield "itself", importing("file.ant")
    yield "itself by another way", importing("./x/../file.ant")

    def ring(size: int) -> object:
        def make(grounds: Grounds) -> str:
            for i in range(size):
                text = f'import "r{(i + 1) % size}.ant"\nmodel r{i}\n k = 1\nend\n'
                (grounds.folder / f"r{i}.ant").write_text(text)
            return importing("r0.ant")

        return make

    def chain(size: int) -> object:
        def make(grounds: Grounds) -> str:
            for i in range(size):
                text = (
                    f'import "c{i + 1}.ant"\nmodel c{i}\n k = 1\nend\n'
                    if i + 1 < size
                    else "model secret\n k = 1\nend\n"
                )
                (grounds.folder / f"c{i}.ant").write_text(text)
            return importing("c0.ant")

        return make

    def many(grounds: Grounds) -> str:
        for i in range(1_000):
            (grounds.folder / f"n{i}.ant").write_text(f"model n{i}\n k = 1\nend\n")
        return "".join(f'import "n{i}.ant"\n' for i in range(1_000)) + "model m\n a: n0()\nend\n"

    def twins(grounds: Grounds) -> str:
        for name in ("a", "b"):
            (grounds.folder / f"{name}.ant").write_text("model secret\n k = 1\nend\n")
        return 'import "a.ant"\n' + importing("b.ant")

    def large(grounds: Grounds) -> str:
        with Path(grounds.folder / "large.ant").open("wb") as file:
            file.truncate(20_000_000_000)
        return importing("large.ant")

    def packed(grounds: Grounds) -> str:
        import gzip

        (grounds.folder / "packed.ant").write_bytes(gzip.compress(b"x" * 1_000_000) * 3_000)
        return importing("packed.ant")

    yield "two of each other", ring(2)
    yield "a ring of five", ring(5)
    yield "a chain of 100", chain(100)
    yield "a thousand", many
    yield "two of one model", twins
    yield "20 GB", large
    yield "3 GB, packed", packed


@hostile("Antimony: instances", **ANT)
def instances() -> Files:
    yield "a model of itself", "model m\n a: m()\nend\n"
    yield "two of each other", "model a\n x: b()\nend\nmodel b\n x: a()\nend\n"
    for levels in (9, 30):
        each = "".join(f"model m{i}\n a: m{i - 1}()\n b: m{i - 1}()\nend\n" for i in range(1, levels))
        yield f"2 to the {levels}", "model m0\n k = 1\nend\n" + each
    row = "".join(f"model m{i}\n a: m{i - 1}()\nend\n" for i in range(1, 1_500))
    yield "1,500 deep", "model m0\n k = 1\nend\n" + row
    row = "".join(f"model m{i}\n a: m{i - 1}()\nend\n" for i in range(1, 100))
    yield "100 deep", "model m0\n k = 1\nend\n" + row
    many = "\n".join(f" a{i}: m0()" for i in range(20_000))
    yield "20,000 beside each other", f"model m0\n k = 1\nend\nmodel m\n{many}\nend\n"
    yield "no such model", "model a\n k = 1\nend\nmodel m\n x: a()\n y: nothing()\nend\n"
    part = "model a(k)\n k = 1\n S = 1; J: S -> ; k*S\nend\n"
    for name, text in {
        "joined to itself": "x.k is x.k",
        "joined in a ring": "x.k is y.k; y.k is z.k; z.k is x.k",
        "joined to nothing": "x.k is x.nothing",
        "fed in a ring": "x.k := y.S; y.k := x.S",
        "deleted and used": "delete x.S; x.S = 1",
        "set twice": "x.k = 1; x.k = 2",
        "a reaction joined": "x.J is y.J",
        "a number joined": "x.k is 1",
        "set to itself": "x.k = x.k",
        "two of one name": "x: a(); x: a()",
        "deep names": "x." + ".".join(["k"] * 5_000) + " = 1",
    }.items():
        yield name, f"{part}model m\n x: a(); y: a(); z: a()\n {text}\nend\n"
