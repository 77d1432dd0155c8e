"""What lines look like beyond the Voigt profile: an asymmetric field distribution, or a free lineshape kernel."""

from dataclasses import dataclass

import numpy as np

from diffmrs.errors import InputError


@dataclass(frozen=True)
class Lineshape:
    """Voigt lines, and what may be added to them. Hashable.

    Attributes:
        asymmetric: whether the field distribution of each shim group may be skewed: its third moment is fitted.
        kernel_half_width_hz: reach of the lineshape kernel to either side, Hz; 0 for no kernel. The kernel is a
            non-negative distribution of frequencies of unit area that all lines are convolved with.
        kernel_spacing_hz: distance of the points of the kernel, Hz.
        roughness_sd: expected size of the kernel's second differences; small for a smooth kernel.
    """

    asymmetric: bool = False
    kernel_half_width_hz: float = 0.0
    kernel_spacing_hz: float = 1.5
    roughness_sd: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.kernel_half_width_hz <= 60:
            raise InputError(f"kernel_half_width_hz is {self.kernel_half_width_hz}; it must be between 0 and 60")
        if not 0.2 <= self.kernel_spacing_hz <= 10:
            raise InputError(f"kernel_spacing_hz is {self.kernel_spacing_hz}; it must be between 0.2 and 10")
        if not 0 < self.roughness_sd < float("inf"):
            raise InputError(f"roughness_sd is {self.roughness_sd}; it must be positive and finite")
        if 0 < self.kernel_half_width_hz < self.kernel_spacing_hz:
            raise InputError(
                f"kernel_half_width_hz is {self.kernel_half_width_hz}; it must be 0 or at least the spacing of "
                f"{self.kernel_spacing_hz:g}"
            )

    @property
    def kernel_hz(self) -> np.ndarray:
        """Frequency of each point of the kernel, Hz; symmetric about 0. Empty without a kernel."""
        reach = int(self.kernel_half_width_hz / self.kernel_spacing_hz + 1e-9)
        return self.kernel_spacing_hz * np.arange(-reach, reach + 1) if reach else np.zeros(0)

    @property
    def n_kernel(self) -> int:
        """Points of the kernel."""
        return self.kernel_hz.size

    @property
    def in_words(self) -> str:
        """For reports."""
        words = "Voigt, asymmetric" if self.asymmetric else "Voigt"
        if not self.n_kernel:
            return words
        return f"{words}, convolved with a free kernel of ±{self.kernel_half_width_hz:g} Hz"


VOIGT = Lineshape()
