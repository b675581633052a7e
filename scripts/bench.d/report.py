"""Tables of what scripts/bench measured, for people."""
import math
import statistics

import workloads


def number_text(value):
    """A figure in three digits or so; 0 is of a workload whose results were wrong."""
    if value == 0:
        return "wrong "
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} "


def medians(samples):
    """{figure: {emulator: median}} of {figure: {emulator: [sample]}}; 0 if one of them is."""
    return {figure: {name: min(values) and statistics.median(values)
                     for name, values in row.items()}
            for figure, row in samples.items()}


def ratio(row, own, peer):
    """How often a peer's figure fits into ours, or None without both."""
    return row[own] / row[peer] if row.get(own) and row.get(peer) else None


def ratio_text(value):
    """A ratio in a column."""
    return "-" if value is None else f"{value:.3g}" if value >= 100 else f"{value:.2f}"


def mean(values):
    """The geometric mean of those numbers that there are, or None."""
    known = [value for value in values if value]
    return math.exp(statistics.fmean(map(math.log, known))) if known else None


def figures_print(table, units, emulators):
    """A line for each figure: what everybody did, and ours relative to each peer."""
    own, *peers = emulators
    width = 13
    head = "".join(f"{name[:width - 1]:>{width}}" for name in emulators)
    print(f"{'per CPU second':14}{head}" + "".join(f"{'/ ' + name[:9]:>11}" for name in peers))
    for title, group in workloads.GROUPS.items():
        names = [name for name in group.names if name in table]
        if names:
            print(f"{title}:" + (" (less is better)" if group.less else ""))
        for name in names:
            row = table[name]
            cells = "".join(f"{number_text(row[one]) if one in row else '-':>{width}}"
                            for one in emulators)
            cells += "".join(f"{ratio_text(ratio(row, own, peer)):>11}" for peer in peers)
            print(f"  {name:12}{cells}   {units[name]}")


def worst_text(table, group, own, peers):
    """The figure of a group that does worst against any emulator."""
    found = [(value, name, peer) for name in group.names if name in table for peer in peers
             if peer != "native" and (value := ratio(table[name], own, peer))]
    if not found:
        return ""
    value, name, peer = max(found) if group.less else min(found)
    return f"{name} {ratio_text(value)} of {peer}"


def summary_print(table, emulators):
    """A line for each group: geometric means relative to each peer, the goals, the worst figure."""
    own, *peers = emulators
    print(f"\n{own + ' relative to':20}" + "".join(f"{name[:10]:>11}" for name in peers) +
          f"{'must':>7}{'aim':>7}   worst")
    for title, group in workloads.GROUPS.items():
        names = [name for name in group.names if name in table]
        if not names:
            continue
        means = "".join(f"{ratio_text(mean(ratio(table[name], own, peer) for name in names)):>11}"
                        for peer in peers)
        goals = "".join(f"{goal or '-':>7}" for goal in (group.must, group.aim))
        print(f"  {title:18}{means}{goals}   {worst_text(table, group, own, peers)}")


def scaling_print(table, emulators):
    """How much more two harts do than one, at the same host time for each."""
    for name in emulators:
        one, two = (table.get(f"sha256-{harts}", {}).get(name) for harts in (1, 2))
        if one and two:
            print(f"two harts of {name} do {2 * two / one:.2f} times the work of one")


def report_print(samples, units, emulators):
    """Everything, the medians of all rounds."""
    table = medians(samples)
    figures_print(table, units, emulators)
    if len(emulators) > 1:
        summary_print(table, emulators)
    scaling_print(table, emulators)
