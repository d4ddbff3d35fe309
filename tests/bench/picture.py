"""The picture of the benchmark, as SVG: time over T on a logarithmic axis, and wrong answers."""
import math

WIDTH, LEFT, RIGHT = 960, 216, 712
TOP, ROW = 138, 50
LAST = 300
TICKS = (1, 2, 5, 10, 20, 50, 100, 200)
COLUMNS = (784, 884)  # of the wrong answers

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-size: 19px; font-weight: 600 }
.faint, .tick { fill: #656d76 }
.tick { font-size: 12px }
.cost { font-size: 11px; fill: #656d76 }
.own { font-weight: 600 }
.back { fill: #ffffff }
.grid { stroke: #d8dee4; stroke-width: 1 }
.limit { stroke: #656d76; stroke-width: 1.5; stroke-dasharray: 4 3 }
.band { fill: #eef4fb }
.us { fill: #0a66c2; stroke: #0a66c2 }
.them { fill: #8a6d3b; stroke: #8a6d3b }
.range { stroke: none !important; fill-opacity: .32 }
.open { fill-opacity: 0; stroke-width: 2 }
.bad { fill: #c4321f; font-weight: 600 }
.good { fill: #1a7f37; font-weight: 600 }
@media (prefers-color-scheme: dark) {
	text { fill: #e6edf3 }
	.faint, .tick, .cost { fill: #9198a1 }
	.back { fill: #0d1117 }
	.grid { stroke: #2b323b }
	.limit { stroke: #9198a1 }
	.band { fill: #14202e }
	.us { fill: #58a6ff; stroke: #58a6ff }
	.them { fill: #d2a45c; stroke: #d2a45c }
	.bad { fill: #ff7b72 }
	.good { fill: #3fb950 }
}
"""


def across(ratio):
    return LEFT + (RIGHT - LEFT) * math.log(ratio) / math.log(LAST)


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{words}</text>'


def number(ratio):
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"


def bar(left, right, y, kind):
    return (f'<rect x="{left:.1f}" y="{y - 4}" width="{right - left:.1f}" height="8" rx="4" '
            f'class="range {kind}"/>')


def dot(x, y, kind, is_open):
    circle = f'<circle cx="{x:.1f}" cy="{y}" r="5" class="%s"/>'
    return circle % "back" + circle % f"open {kind}" if is_open else circle % kind


def spread(y, row, kind, is_open):
    """A bar from the 5th to the 95th percentile, a dot at the median and its number."""
    if row["time_median"] is None:  # never right
        return []
    low, middle, high = (across(row[key]) for key in ("time_p5", "time_median", "time_p95"))
    return [bar(low - 3, high + 3, y, kind), dot(middle, y, kind, is_open),
            text(high + 10, y + 4.5, number(row["time_median"]), "own" if kind == "us" else "")]


def wrong(x, y, row):
    share = 100 * row["wrong"] / row["scenarios"]
    words = "none" if share == 0 else f"{share:.0f} %" if 10 <= share <= 99 else f"{share:.3g} %"
    return text(x, y, words, "bad" if share else "good", "middle")


def method(y, name, paths, clean, once, retries):
    own = name.startswith("idleprobe")
    kind = "us" if own else "them"
    connections, probes = round(paths[clean]["connections"]), round(paths[clean]["probes"])
    cost = f"{connections} connection{'s' * (connections != 1)}, {probes} probes"
    parts = [text(20, y - 2, name, "own" if own else ""), text(20, y + 14, cost, "cost")]
    parts += spread(y - 9, paths[clean], kind, False) + spread(y + 9, paths[retries], kind, True)
    if once in paths:
        parts.append(wrong(COLUMNS[0], y + 4.5, paths[once]))
        parts.append(wrong(COLUMNS[1], y + 4.5, paths[retries]))
    else:
        parts.append(wrong(sum(COLUMNS) / 2, y + 4.5, paths[retries]))
    wide = 100 * paths[retries]["wide"] / paths[retries]["scenarios"]
    if wide >= 0.5:
        parts.append(text(sum(COLUMNS) / 2, y + 19, f"wider than asked in {wide:.0f} %", "cost", "middle"))
    return parts


def axis(bottom):
    parts = []
    for tick in TICKS:
        x, kind = across(tick), "limit" if tick == 1 else "grid"
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 14}" x2="{x:.1f}" y2="{bottom}" class="{kind}"/>')
        parts.append(text(x, bottom + 18, f"{tick} T", "tick", "middle"))
    parts.append(text(LEFT, bottom + 38, "no method can answer before 1 T", "tick"))
    return parts


def legend(y):
    return [bar(20, 50, y, "them"), dot(35, y, "them", False), text(58, y + 4.5, "no loss", "faint"),
            bar(128, 158, y, "them"), dot(143, y, "them", True),
            text(166, y + 4.5, "5 % loss each way, with retries", "faint")]


def draw(simulated, about, clean, once, retries):
    methods = {}
    for row in simulated:
        methods.setdefault(row["method"], {})[row["path"]] = row
    bottom = TOP + ROW * len(methods)
    height = bottom + 56
    own = sum(name.startswith("idleprobe") for name in methods)
    title = "How long it takes to find an idle timeout T, as a multiple of T"
    subtitle = (f"To 1 % or 1 s, on {about['scenarios']} simulated paths, T from 20 s to 7000 s. "
                "Dot: median. Bar: 5th to 95th percentile.")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" class="back"/>',
        f'<rect x="8" y="{TOP - 14}" width="{WIDTH - 16}" height="{ROW * own + 10}" rx="6" class="band"/>',
        text(20, 34, title, "title"),
        text(20, 58, subtitle, "faint"),
        text(sum(COLUMNS) / 2, TOP - 46, "wrong answers at 5 % loss", "", "middle"),
        text(COLUMNS[0], TOP - 26, "one probe", "faint", "middle"),
        text(COLUMNS[1], TOP - 26, "with retries", "faint", "middle"),
    ]
    parts += legend(86) + axis(bottom)
    for i, (name, paths) in enumerate(methods.items()):
        parts += method(TOP + ROW * i + ROW / 2 - 9, name, paths, clean, once, retries)
    return "\n".join(parts + ["</svg>"]) + "\n"
