"""A picture of a reaction network, as SVG: species as boxes in columns, reactions as arrows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from sbmlqsp.model import dotted

if TYPE_CHECKING:
    from sbmlqsp.engine.network import Network, Reaction

__all__ = ["diagram"]

MOST_SPECIES, MOST_REACTIONS = 24, 40
HEIGHT, STUB, GAP_X, GAP_Y = 46.0, 40.0, 150.0, 74.0
CHAR = 7.4
_STYLE = (
    ".box{fill:#f3f7fb;stroke:#30557d;stroke-width:1.4}.name{font-weight:600;fill:#14202e}.in{fill:#5b6775;font-size:11px}"
    ".go{stroke:#30557d;stroke-width:1.5;fill:none}.act{stroke:#a0622d;stroke-width:1.3;fill:none;stroke-dasharray:4 3}"
    ".dose{stroke:#0a7d4f;stroke-width:2.2;fill:none}.label{fill:#30557d;font-size:11.5px;paint-order:stroke;"
    "stroke:#fff;stroke-width:4px;stroke-linejoin:round}.dosed{fill:#0a7d4f;font-weight:600}.dot{fill:#30557d}"
)
_MARKER = (
    '<marker id="{}" viewBox="0 0 10 10" refX="{}" refY="5" markerWidth="8" markerHeight="8" '
    'markerUnits="userSpaceOnUse" orient="auto-start-reverse">{}</marker>'
)
_TRIANGLE = '<path d="M0 0L10 5L0 10z" fill="{}"/>'
_RING = '<circle cx="5" cy="5" r="3.4" fill="#fff" stroke="#a0622d" stroke-width="1.6"/>'
_MARKERS = (
    _MARKER.format("go", 9, _TRIANGLE.format("#30557d"))
    + _MARKER.format("dose", 9, _TRIANGLE.format("#0a7d4f"))
    + _MARKER.format("act", 8, _RING)
)

Point = tuple[float, float]


@dataclass
class _Box:
    """A species: where it is and what is attached above and below it."""

    id: str
    name: str
    inside: str
    above: list[tuple[str, str]] = field(default_factory=list)
    below: list[tuple[str, str]] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        return max(84.0, CHAR * len(self.name) + 26)

    @property
    def reach(self) -> float:
        """The width with the labels of what is attached."""
        rows = (self.above, self.below)
        return max(self.width, *(sum(_stub_width(label) for label, _ in row) for row in rows))

    def edge(self, towards: Point, shift: float = 0.0) -> Point:
        """Return where a line to a point leaves the box."""
        dx, dy = towards[0] - self.x, towards[1] - self.y
        half_w, half_h = self.width / 2 + 3, HEIGHT / 2 + 3
        scale = min(half_w / abs(dx) if dx else math.inf, half_h / abs(dy) if dy else math.inf)
        length = math.hypot(dx, dy) or 1.0
        return self.x + dx * scale - shift * dy / length, self.y + dy * scale + shift * dx / length


@dataclass(frozen=True)
class _Route:
    """One or two opposite reactions between species."""

    ids: tuple[str, ...]
    taken: tuple[str, ...]
    made: tuple[str, ...]
    back: bool

    @property
    def label(self) -> str:
        return " ⇌ ".join(map(dotted, self.ids))


def _stub_width(label: str) -> float:
    return max(56.0, 6.6 * len(label) + 12)


def diagram(network: Network, *, doses: Iterable[str] = ()) -> str:
    """Return the network as one SVG element, or ``""`` where it has no reactions or is too large to read.

    Parameters
    ----------
    network : Network
    doses : iterable of str
        Flat ids of the species that doses go into.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; A = 1; B = 0; J: A -> B; k*A; k = 1; end")
    >>> diagram(model.network).startswith("<svg")
    True
    """
    ids = list(network.stoichiometry)
    if not ids or len(ids) > MOST_SPECIES or len(network.reactions) > MOST_REACTIONS:
        return ""
    boxes = {i: _Box(i, dotted(i), dotted(network.symbols[i].compartment)) for i in ids}
    inner = _routes(_attach(network, boxes, set(doses)), boxes)
    influences = list(_influences(network, boxes))
    _place(boxes, inner, influences)
    places = _stubs(boxes)
    shapes = [*_arrows(inner, boxes, places), *_stub_shapes(boxes, places)]
    shapes = [*_acts(influences, boxes, places), *shapes, *map(_box_shape, boxes.values())]
    return _svg(boxes, shapes, network)


def _attach(network: Network, boxes: dict[str, _Box], doses: set[str]) -> list[Reaction]:
    """Hang sources, sinks and doses on their boxes; return the reactions between species."""
    inner = []
    for target in (d for d in doses if d in boxes):
        boxes[target].above.append(("dose", "dose"))
    for r in network.reactions.values():
        taken = [p.species for p in r.reactants if p.species in boxes]
        made = [p.species for p in r.products if p.species in boxes]
        if taken and made:
            inner.append(r)
        elif len(set(taken)) == 1:
            boxes[taken[0]].below.append((dotted(r.id), r.id))
        elif len(set(made)) == 1:
            boxes[made[0]].above.append((dotted(r.id), r.id))
        elif taken or made:
            inner.append(r)
    return inner


def _routes(inner: Sequence[Reaction], boxes: dict[str, _Box]) -> list[_Route]:
    """Join opposite reactions of more than two species; name the side that binds first."""
    routes: list[_Route] = []
    for r in sorted(inner, key=lambda r: len(r.products) > len(r.reactants)):
        taken, made = (
            tuple(dict.fromkeys(p.species for p in side if p.species in boxes)) for side in (r.reactants, r.products)
        )
        opposite = next((q for q in routes if (q.taken, q.made) == (made, taken) and len(q.ids) == 1), None)
        if opposite is not None and len(taken) + len(made) > 2:
            joined = _Route((*opposite.ids, r.id), made, taken, back=True)
            routes[routes.index(opposite)] = joined
        else:
            routes.append(_Route((r.id,), taken, made, r.reversible))
    return routes


def _influences(network: Network, boxes: dict[str, _Box]) -> Iterator[tuple[str, str]]:
    """Yield (species, reaction) where a rate depends on a species that the reaction does not take."""
    for r in network.reactions.values():
        if r.law is None:
            continue
        read, waiting = set(), list(r.law.symbols())
        while waiting:
            name = waiting.pop()
            if name not in read:
                read.add(name)
                rule = network.assignment_rules.get(name)
                waiting += list(rule.symbols()) if rule is not None else []
        own = {p.species for p in r.reactants}
        yield from ((s, r.id) for s in boxes if s in read and s not in own)


# ------------------------------------------------------------------------------------------------------------- places
def _place(boxes: dict[str, _Box], inner: Sequence[_Route], influences: Sequence[tuple[str, str]]) -> None:
    forward = [r for i, r in enumerate(inner) if (r.made, r.taken) not in {(q.taken, q.made) for q in inner[:i]}]
    links = [(a, b) for r in forward for a in r.taken for b in r.made]
    ends = {key: [*r.made, *r.taken] for r in inner for key in r.ids}
    ends |= {key: [b.id] for b in boxes.values() for _, key in (*b.above, *b.below)}
    soft = [(s, t) for s, key in influences for t in ends.get(key, [])[:1]]
    links = [(a, b) for a, b in [*links, *soft] if a in boxes and b in boxes and a != b]
    layer = _layers(list(boxes), links)
    columns: list[list[str]] = [[i for i in boxes if layer[i] == k] for k in range(max(layer.values()) + 1)]
    columns = [c for c in columns if c]
    _order(columns, links)
    longest = max((len(r.label) for r in inner), default=0)
    gap, x = max(GAP_X, 7.0 * longest + 60), 0.0
    for column in columns:
        width = max(boxes[i].reach for i in column)
        for row, i in enumerate(column):
            boxes[i].x = x + width / 2
            boxes[i].y = (row - (len(column) - 1) / 2) * (HEIGHT + 2 * STUB + GAP_Y)
        x += width + gap


def _layers(ids: list[str], links: list[tuple[str, str]]) -> dict[str, int]:
    """Return the column of each box: one more than the furthest it is made from, cycles cut where first closed."""
    after: dict[str, list[str]] = {i: [] for i in ids}
    for a, b in dict.fromkeys(links):
        after[a].append(b)
    fed = {b for _, b in links}
    order: list[str] = []
    state: dict[str, int] = {}
    back: set[tuple[str, str]] = set()

    def visit(i: str) -> None:
        state[i] = 1
        for j in after[i]:
            if state.get(j) == 1:
                back.add((i, j))
            elif j not in state:
                visit(j)
        state[i] = 2
        order.append(i)

    for i in sorted(ids, key=lambda i: (i in fed, ids.index(i))):
        if i not in state:
            visit(i)
    layer = dict.fromkeys(ids, 0)
    for i in reversed(order):
        for j in after[i]:
            if (i, j) not in back:
                layer[j] = max(layer[j], layer[i] + 1)
    for i in order:  # what nothing makes stands next to what it goes into
        if i not in fed and after[i]:
            layer[i] = max(layer[i], min(layer[j] for j in after[i]) - 1)
    return layer


def _order(columns: list[list[str]], links: list[tuple[str, str]]) -> None:
    """Sort each column by the mean row of its neighbours, so that arrows cross less."""
    for sweep in range(4):
        rank = {i: row - (len(c) - 1) / 2 for c in columns for row, i in enumerate(c)}
        for column in columns if sweep % 2 else reversed(columns):
            if len(column) > 1:
                weights = {
                    i: _mean([rank[b if a == i else a] for a, b in links if i in {a, b}], rank[i]) for i in column
                }
                column.sort(key=weights.__getitem__)


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _stubs(boxes: dict[str, _Box]) -> dict[str, Point]:
    """Return where the label of every source, sink and dose stands."""
    places: dict[str, Point] = {}
    for box in boxes.values():
        for row, side in ((box.above, -1), (box.below, 1)):
            total = sum(_stub_width(label) for label, _ in row)
            x = box.x - total / 2
            for label, key in row:
                width = _stub_width(label)
                places[_key(box, key)] = (x + width / 2, box.y + side * (HEIGHT / 2 + STUB))
                x += width
    return places


def _key(box: _Box, key: str) -> str:
    return f"dose {box.id}" if key == "dose" else key


# ------------------------------------------------------------------------------------------------------------- shapes
def _arrows(inner: Sequence[_Route], boxes: dict[str, _Box], places: dict[str, Point]) -> Iterator[str]:
    for r in inner:
        start, end = [boxes[i] for i in r.taken], [boxes[i] for i in r.made]
        if len(start) == len(end) == 1 and start[0] is not end[0]:
            same = [q for q in inner if (q.taken, q.made) in {(r.taken, r.made), (r.made, r.taken)}]
            side = 1 if (start[0].x, start[0].y) < (end[0].x, end[0].y) else -1
            shift = 13.0 * abs(same.index(r) - (len(same) - 1) / 2) * (-1 if len(same) == 2 else side)
            yield from _straight(r, start[0], end[0], shift, places)
        else:
            yield from _joined(r, start, end, places)


def _straight(r: _Route, a: _Box, b: _Box, shift: float, places: dict[str, Point]) -> Iterator[str]:
    p, q = a.edge((b.x, b.y), shift), b.edge((a.x, a.y), -shift)
    both = ' marker-start="url(#go)"' if r.back else ""
    yield f'<path class="go" d="M{_at(p)}L{_at(q)}" marker-end="url(#go)"{both}/>'
    part = 0.5 if abs(shift) < 1 else 0.42
    at = (p[0] + (q[0] - p[0]) * part, p[1] + (q[1] - p[1]) * part)
    steep = abs(q[1] - p[1]) > abs(q[0] - p[0])
    places[r.ids[0]] = (at[0], at[1] - (0 if steep else 5 if shift * (q[0] - p[0]) <= 0 else -15))
    yield _label(places[r.ids[0]], r.label)


def _joined(r: _Route, start: list[_Box], end: list[_Box], places: dict[str, Point]) -> Iterator[str]:
    every = [*start, *end]
    x, y = (sum(getattr(b, k) for b in every) / len(every) for k in "xy")
    if start and end and max(b.x for b in start) < min(b.x for b in end):  # halfway between the two sides
        x = (max(b.x + b.width / 2 for b in start) + min(b.x - b.width / 2 for b in end)) / 2
    if any(abs(b.x - x) < b.width / 2 + 8 and abs(b.y - y) < HEIGHT for b in every):
        y += HEIGHT * 1.6
    for box in start:
        marker = ' marker-end="url(#go)"' if r.back else ""
        yield f'<path class="go" d="M{_at((x, y))}L{_at(box.edge((x, y)))}"{marker}/>'
    for box in end:
        yield f'<path class="go" d="M{_at((x, y))}L{_at(box.edge((x, y)))}" marker-end="url(#go)"/>'
    yield f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.6"/>'
    places.update(dict.fromkeys(r.ids, (x, y - 9)))
    yield _label((x, y - 9), r.label)


def _stub_shapes(boxes: dict[str, _Box], places: dict[str, Point]) -> Iterator[str]:
    for box in boxes.values():
        for row, side in ((box.above, -1), (box.below, 1)):
            for label, key in row:
                x, y = places[_key(box, key)]
                foot = min(max(x, box.x - box.width / 2 + 8), box.x + box.width / 2 - 8)
                near, far = (foot, box.y + side * (HEIGHT / 2 + 3)), (x, y - side * 6)
                kind = "dose" if key == "dose" else "go"
                ends = (far, near) if side < 0 else (near, far)
                yield f'<path class="{kind}" d="M{_at(ends[0])}L{_at(ends[1])}" marker-end="url(#{kind})"/>'
                yield _label((x, y - 2 if side < 0 else y + 10), label, "dosed" if kind == "dose" else "")


def _acts(influences: Sequence[tuple[str, str]], boxes: dict[str, _Box], places: dict[str, Point]) -> Iterator[str]:
    for species, key in influences:
        if key not in places:
            continue
        box, (x, y) = boxes[species], places[key]
        p = box.edge((x, y))
        length = math.hypot(x - p[0], y - p[1]) or 1.0
        keep = max(0.0, 1 - (12 + 3.3 * len(dotted(key)) * abs(x - p[0]) / length) / length)
        q = (p[0] + (x - p[0]) * keep, p[1] + (y - 4 - p[1]) * keep)
        bend = ((p[0] + q[0]) / 2, min(p[1], q[1]) + abs(p[1] - q[1]) * 0.25 - 10)
        yield f'<path class="act" d="M{_at(p)}Q{_at(bend)} {_at(q)}" marker-end="url(#act)"/>'


def _box_shape(box: _Box) -> str:
    left, top = box.x - box.width / 2, box.y - HEIGHT / 2
    inside = "" if box.inside == "default_compartment" else f"in {box.inside}"
    name_y = box.y - 2 if inside else box.y + 5
    return (
        f'<rect class="box" x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{HEIGHT:g}" rx="9"/>'
        f'<text class="name" x="{box.x:.1f}" y="{name_y:.1f}">{escape(box.name)}</text>'
        f'<text class="in" x="{box.x:.1f}" y="{box.y + 14:.1f}">{escape(inside)}</text>'
    )


def _label(at: Point, text: str, extra: str = "") -> str:
    return f'<text class="label {extra}" x="{at[0]:.1f}" y="{at[1]:.1f}">{escape(text)}</text>'


def _at(p: Point) -> str:
    return f"{p[0]:.1f} {p[1]:.1f}"


def _svg(boxes: dict[str, _Box], shapes: Sequence[str], network: Network) -> str:
    left = min(b.x - b.reach / 2 for b in boxes.values()) - 12
    right = max(b.x + b.reach / 2 for b in boxes.values()) + 12
    top = min(b.y - HEIGHT / 2 - (STUB + 18 if b.above else 14) for b in boxes.values()) - 8
    bottom = max(b.y + HEIGHT / 2 + (STUB + 18 if b.below else 14) for b in boxes.values()) + 8
    width, height = right - left, bottom - top
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="network" role="img" viewBox="{left:.1f} {top:.1f} {width:.1f} '
        f'{height:.1f}" width="{width:.0f}" height="{height:.0f}" font-family="inherit" font-size="13" '
        f'text-anchor="middle"><title>Reactions of {escape(network.id)}</title><style>{_STYLE}</style>'
        f"<defs>{_MARKERS}</defs>{''.join(shapes)}</svg>"
    )
