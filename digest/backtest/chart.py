"""Of the backtest: the comparison as a drawing, plain SVG that a browser and a README can show."""

from collections.abc import Mapping, Sequence
from html import escape

from digest.backtest.metrics import METRICS, Interval

WIDTH, LEFT, ROW, GAP, TOP = 860, 250, 20, 34, 30
SCALE_FROM = 0.6  # every figure of interest is above; what is not is drawn at the edge
GRID = (0.6, 0.7, 0.8, 0.9, 1.0)
OURS, OTHERS = "#1f6f8b", "#9aa5ad"


def comparison(systems: Mapping[str, Mapping[str, Interval]], title: str) -> str:
    """Every system's metrics as bars with their intervals; the first system stands out.

    Args:
        systems: figures by name, the own one first.
        title: what a screen reader says.
    """
    names = list(systems)
    block = len(names) * ROW + GAP
    height = TOP + len(METRICS) * block
    parts = [
        *_frame(WIDTH, height, title),
    ]
    for number, metric in enumerate(METRICS):
        top = TOP + number * block
        parts.append(f'<text x="8" y="{top - 8}" font-weight="600">{escape(metric)}</text>')
        parts += _grid(top, len(names) * ROW)
        for place, name in enumerate(names):
            parts += _bar(name, systems[name][metric], top + place * ROW, first=not place)
    return "\n".join([*parts, "</svg>", ""])


def curve(points: Sequence[tuple[float, float]], title: str) -> str:
    """A line through (hour, share) points, with their shares written beside them."""
    wide, high, left, bottom = 640, 280, 50, 40
    last = max(hour for hour, _ in points)

    def at(hour: float, share: float) -> tuple[float, float]:
        x = left + hour / last * (wide - left - 30)
        return x, high - bottom - (share - SCALE_FROM) / (1 - SCALE_FROM) * (high - bottom - 20)

    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    marks = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{OURS}"/>'
        f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{share:.0%}</text>'
        f'<text x="{x:.1f}" y="{high - 20}" text-anchor="middle">{hour:g} h</text>'
        for (hour, share), (x, y) in ((point, at(*point)) for point in points)
    ]
    return "\n".join(
        [
            *_frame(wide, high, title),
            f'<polyline points="{path}" fill="none" stroke="{OURS}" stroke-width="2"/>',
            *marks,
            f'<text x="{left}" y="{high - 4}">hours since the day of the list began (UTC)</text>',
            "</svg>",
            "",
        ]
    )


def _frame(wide: float, high: float, title: str) -> list[str]:
    return [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img"'
            ' font-family="system-ui, sans-serif" font-size="13">'
        ),
        f"<title>{escape(title)}</title>",
        f'<rect width="{wide}" height="{high}" fill="#fff"/>',
    ]


def _x(value: float) -> float:
    inside = min(1.0, max(SCALE_FROM, value))
    return LEFT + (inside - SCALE_FROM) / (1 - SCALE_FROM) * (WIDTH - LEFT - 70)


def _grid(top: float, height: float) -> list[str]:
    return [
        (
            f'<path d="M{_x(at):.1f} {top}v{height}" stroke="#dde2e5"/>'
            f'<text x="{_x(at):.1f}" y="{top + height + 12}" text-anchor="middle" fill="#667"'
            f' font-size="10">{at:g}</text>'
        )
        for at in GRID
    ]


def _bar(name: str, figure: Interval, top: float, *, first: bool) -> list[str]:
    colour, weight = (OURS, "600") if first else (OTHERS, "400")
    middle = top + ROW / 2
    low, value, high = (_x(one) for one in (figure.low, figure.value, figure.high))
    return [
        (
            f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end" font-weight="{weight}">'
            f"{escape(name)}</text>"
        ),
        (
            f'<rect x="{LEFT}" y="{top + 3}" width="{value - LEFT:.1f}" height="{ROW - 6}"'
            f' fill="{colour}"/>'
        ),
        f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="#222"/>',
        f'<text x="{WIDTH - 60}" y="{middle + 4}" font-weight="{weight}">{figure.value:.3f}</text>',
    ]
