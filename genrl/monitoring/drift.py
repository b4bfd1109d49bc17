"""Pictures that have changed in ways that people see at once: grain, a grid, burnt colours, plain areas."""

from __future__ import annotations

from collections.abc import Iterator

from genrl.monitoring.comparing import Change, Evaluations, Finding
from genrl.settings import AlarmSettings

ARTEFACTS, SATURATION, COLLAPSE = "artefacts", "saturation", "collapse"
#: A share of spectral energy that rises by less than this is not seen, whatever the factor.
LEAST_SHARE = 1e-3


def drift(evaluations: Evaluations, settings: AlarmSettings) -> Iterator[Finding]:
    """What the pictures of the last evaluation have gained or lost since the first, beyond doubt and the thresholds."""
    first, now = list(evaluations)[0], list(evaluations)[-1]
    if first == now:
        return
    before, after, lead = evaluations[first], evaluations[now], f"Since step {first} "
    for name, what in (
        ("pictures/high_frequency", "grain, noise or ringing"),
        ("pictures/grid", "a patch grid or a checkerboard"),
    ):
        change = Change.of(name, before, after, settings.artefacts)
        if change and change.difference.low > 0 and change.after - change.before > LEAST_SHARE:
            yield Finding(ARTEFACTS, name, first, lead, f"{name} rose {change}, look for {what}")
    for name, what in (("pictures/clipped", "black or white in a channel"), ("pictures/vivid", "of extreme chroma")):
        change = Change.of(name, before, after)
        if change and change.difference.low > settings.saturation:
            yield Finding(SATURATION, name, first, lead, f"the share of pixels {what} ({name}) rose {change}")
    change = Change.of("pictures/entropy", before, after)
    if change and change.difference.high < -settings.entropy:
        yield Finding(COLLAPSE, "pictures/entropy", first, lead, f"the entropy of grey levels fell {change} bits")
