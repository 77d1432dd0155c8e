"""Everything that `diffmrs fit` can be told."""

from dataclasses import dataclass, field
from pathlib import Path

from diffmrs.fitting import ModelOptions
from diffmrs.quantify import TissueOptions, WaterReference


@dataclass(frozen=True)
class FitOptions:
    """Everything `diffmrs fit` was told.

    Attributes:
        data: file with the measured FIDs.
        basis: basis file or folder.
        mask: image of the voxels to fit; `Path("auto")` makes a mask from the data.
        water: file with the unsuppressed water scan, for concentrations in mM and for `ecc`.
        water_reference: water content and relaxation that concentrations rest on, unless there is `tissue`.
        tissue: tissue fractions and relaxation times, for concentrations by tissue.
        water_scaling: how signals become comparable: `"time-zero"` or `"lcmodel"` (areas as LCModel takes them).
        ecc: whether eddy currents are corrected with the water scan.
        remove_water: whether the residual water line is removed first.
        macromolecules: `"auto"`, `"none"`, `"lipids"`, names of sets (see `diffmrs.conditioning.with_macromolecules`),
            or files with a measured macromolecule spectrum.
        macromolecule_water: file with the water scan of that measurement, to correct its eddy currents.
        basis_ppm_reference: chemical shift the basis is centred on, when its file cannot say, ppm.
        ppm_range: lower and upper limit of the fit, ppm.
        model: what was chosen about the model.
        keep_reference: whether a reference singlet at 0 ppm stays in the basis.
        plot_index: fitted spectrum to plot; one of median SNR when absent.
        neighbours: whether the fits of a volume start from those of a coarse net of voxels.
        align: whether the voxels of a volume are brought to one frequency and phase first.
        lipids: mask of the skull whose lipids are suppressed; `Path("auto")` finds them; none are when absent.
        lipid_strength: of that suppression; chosen from the data when absent.
        smooth: whether neighbours are expected to have alike shift, phase and width: expected differences in Hz, rad
            and Hz; empty lets the data tell them; None for no.
        save_spectra: whether fit, baseline and residual of a volume are written as NIfTI-MRS.
        chunk: spectra of a volume per compiled call; as many as suit the devices when absent.
        sampling: what the data file does not say: `dwell_time_s`, `spectrometer_frequency_mhz`.
        network: a trained network that tells where fits begin (`diffmrs quantify`); its basis is used.
        network_steps: trial steps from there; 0 keeps the network's answer, None goes to the end.
    """

    data: Path
    basis: Path
    mask: Path | None = None
    ppm_range: tuple[float, float] | None = None
    model: ModelOptions = ModelOptions()
    water: Path | None = None
    water_reference: WaterReference = WaterReference()
    tissue: TissueOptions | None = None
    water_scaling: str = "time-zero"
    ecc: bool = False
    remove_water: bool = False
    macromolecules: tuple[str, ...] = ("auto",)
    macromolecule_water: Path | None = None
    basis_ppm_reference: float | None = None
    keep_reference: bool = False
    plot_index: int | None = None
    neighbours: bool = True
    align: bool = False
    lipids: Path | None = None
    lipid_strength: float | None = None
    smooth: tuple[float, ...] | None = None
    save_spectra: bool = False
    chunk: int | None = None
    sampling: dict[str, float] = field(default_factory=dict)
    network: Path | None = None
    network_steps: int | None = 2
