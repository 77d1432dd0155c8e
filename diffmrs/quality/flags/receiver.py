"""Flags about the recorded samples."""

from diffmrs.quality.flags.flag import Flag

LEAST_CLIPPED = 4  # samples at exactly the largest value; rounding to integers gives one or two
SPIKE_HEIGHT = 8.0  # standard deviations; the largest of ten million noise samples is 5.7
SPIKE_WAVE = 0.5  # of the noise of the spectrum: a smaller wave adds less than an eighth to its variance

CLIPPED = Flag(
    "clipped",
    severe=True,
    meaning="several samples share the largest value: the receiver ran out of range",
    raised=lambda e: e.n_clipped >= LEAST_CLIPPED,
    sentence=lambda e, k: (
        f"{e.n_clipped[k]} samples share the largest value: the receiver probably ran out of range (clipping)."
    ),
)

SPIKE = Flag(
    "spike",
    severe=True,
    meaning="one sample of the FID jumps far out: a spark or a transmission error",
    raised=lambda e: (e.spike.height > SPIKE_HEIGHT) & (e.spike.wave > SPIKE_WAVE),
    sentence=lambda e, k: (
        f"Sample {e.spike.at[k]} of the FID stands out by {e.spike.height[k]:.0f} standard deviations (a spark or a "
        f"transmission error); it adds a wave of {e.spike.wave[k]:.1f} times the noise to the whole spectrum."
    ),
)
