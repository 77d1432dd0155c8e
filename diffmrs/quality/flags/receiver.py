"""Flags about the recorded samples."""

from diffmrs.quality.flags.flag import Flag

LEAST_CLIPPED = 4  # samples at exactly the largest value; rounding to integers gives one or two
SPIKE_JUMPS = 4.0  # a jump over the largest of the 14 around it; in noise and in real FIDs it stays below 2.5

CLIPPED = Flag(
    "clipped",
    severe=True,
    meaning="several samples share the largest value: the receiver ran out of range",
    raised=lambda e: e.record.n_clipped >= LEAST_CLIPPED,
    sentence=lambda e, k: (
        f"{e.record.n_clipped[k]} samples share the largest value: the receiver probably ran out of range (clipping)."
    ),
)

SPIKE = Flag(
    "spike",
    severe=True,
    meaning="one sample of the FID jumps far out: a spark or a transmission error",
    raised=lambda e: e.record.spike_height > SPIKE_JUMPS,
    sentence=lambda e, k: (
        f"Sample {e.record.spike_at[k]} of the FID jumps {e.record.spike_height[k]:.0f} times as far as any around it "
        "(a spark or a transmission error); it adds a wave to the whole spectrum."
    ),
)
