"""What is done to raw data, step by step."""

from dataclasses import dataclass, replace
from typing import Any

from diffmrs.errors import InputError
from diffmrs.preprocess import WATER_PPM

CHOICES = {
    "coils": ("svd", "water"),
    "ecc": ("smooth", "plain", "none"),
    "align": ("auto", "robust", "registration", "peaks", "none"),
    "average": ("weighted", "mean", "none"),
    "reference": ("auto", "cr-cho", "naa", "none"),
}
"""What each step that has a choice may be."""


@dataclass(frozen=True)
class RawOptions:
    """The steps from raw data to a clean spectrum; the defaults suit a brain scan.

    Attributes:
        coils: where the sensitivities of the coils come from: `"svd"` of the water scan, or of the data where there is
            none; `"water"`, the first points of the water scan.
        remove_offset: whether the constant offset of each FID is taken off first.
        ecc: how eddy currents are corrected when there is a water scan that fits: with its phase `"smooth"` or
            `"plain"`, as measured; `"none"` leaves them.
        align: how transients are brought to one frequency and phase: `"robust"` (variable projection, blind),
            `"registration"` (spectral registration to their mean), `"peaks"` (creatine and choline of each), `"none"`;
            `"auto"` is robust for 1H and registration otherwise.
        align_ppm: part of the spectrum that registration compares, ppm; all when absent.
        average: `"weighted"` by likelihood, outliers left out; `"mean"`; `"none"` keeps all transients.
        remove_water: whether the residual water line is taken away.
        water_band_ppm: where it is, ppm.
        remove_lipids: whether lines at 0 to 1.8 ppm are taken away as well.
        reference: lines whose known place and zero phase set frequency and phase at the end: `"cr-cho"`, `"naa"` or
            `"none"`; `"auto"` is creatine and choline for 1H.
        time_shift_s: time taken off the start of each FID, s; negative where points are missing.
        phase0_rad: zero-order phase given at the end, rad.
        phase1_s: first-order phase given at the end, s.
        truncate: points kept.
        apodise_hz: Lorentzian width added, Hz.
        zero_fill: points after zero-filling.
        hamming: whether a volume is given a Hamming filter over its k-space.
    """

    coils: str = "svd"
    remove_offset: bool = False
    ecc: str = "smooth"
    align: str = "auto"
    align_ppm: tuple[float, float] | None = None
    average: str = "weighted"
    remove_water: bool = True
    water_band_ppm: tuple[float, float] = WATER_PPM
    remove_lipids: bool = False
    reference: str = "auto"
    time_shift_s: float = 0.0
    phase0_rad: float = 0.0
    phase1_s: float = 0.0
    truncate: int | None = None
    apodise_hz: float = 0.0
    zero_fill: int | None = None
    hamming: bool = False

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is {getattr(self, name)!r}; it must be {', '.join(allowed)}")
        for name in ("align_ppm", "water_band_ppm"):
            band = getattr(self, name)
            if band is not None and not band[0] < band[1]:
                raise InputError(f"{name} is {band[0]:g} to {band[1]:g}; the first limit must be the lower one")
        if not 0 <= self.apodise_hz < float("inf"):
            raise InputError(f"apodise_hz is {self.apodise_hz:g}; it must be at least 0")
        if self.align_ppm is not None and self.align not in ("registration", "auto"):
            raise InputError(f"align_ppm serves registration; the alignment chosen is {self.align!r}")

    def for_nucleus(self, nucleus: str) -> "RawOptions":
        """The same, with what is automatic decided.

        Raises:
            InputError: a step is asked for that knows the spectrum of 1H only.
        """
        proton = nucleus == "1H"
        wanted: dict[str, Any] = {
            "align": self._align(proton),
            "reference": ("cr-cho" if proton else "none") if self.reference == "auto" else self.reference,
            "remove_water": self.remove_water and proton,
        }
        asked = {
            "align robust": wanted["align"] == "robust",
            "align peaks": wanted["align"] == "peaks",
            f"reference {wanted['reference']}": wanted["reference"] != "none",
            "remove lipids": self.remove_lipids,
        }
        useless = [name for name, given in asked.items() if given and not proton]
        if useless:
            raise InputError(f"{useless[0]}: knows the spectrum of 1H only; the data are of {nucleus}")
        return replace(self, **wanted)

    def _align(self, proton: bool) -> str:
        if self.align != "auto":
            return self.align
        return "robust" if proton and self.align_ppm is None else "registration"
