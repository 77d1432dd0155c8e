"""The names the NIfTI-MRS standard defines, and of which kind each value is.

Source: https://github.com/wtclarke/mrs_nifti_standard, versions 0.2 to 0.11. Times are in s, frequencies in MHz or
Hz, chemical shifts in ppm, angles in degrees.
"""

DIM_TAGS = (
    "DIM_COIL",
    "DIM_DYN",
    "DIM_INDIRECT_0",
    "DIM_INDIRECT_1",
    "DIM_INDIRECT_2",
    "DIM_PHASE_CYCLE",
    "DIM_EDIT",
    "DIM_MEAS",
    "DIM_USER_0",
    "DIM_USER_1",
    "DIM_USER_2",
    "DIM_ISIS",
    "DIM_METCYCLE",
)
ABOVE_ZERO = ("RepetitionTime", "SpectralWidth")
NOT_NEGATIVE = ("EchoTime", "InversionTime", "MixingTime")  # an FID without echo has the echo time zero
NUMBERS = (
    *ABOVE_ZERO,
    *NOT_NEGATIVE,
    "AcquisitionStartTime",
    "ExcitationFlipAngle",
    "TxOffset",
    "RxOffset",
    "SpecFreqChemShift",
    "PatientWeight",
)
BOOLEANS = ("WaterSuppressed", "SequenceTriggered")
TEXTS = (
    "WaterSuppressionType",
    "Manufacturer",
    "ManufacturersModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "InstitutionName",
    "InstitutionAddress",
    "TxCoil",
    "RxCoil",
    "SequenceName",
    "ProtocolName",
    "PatientPosition",
    "PatientName",
    "PatientID",
    "PatientDoB",
    "PatientSex",
    "ConversionMethod",
    "ConversionTime",
)
LISTS = ("VOI", "OriginalFile", "kSpace", "EditCondition", "ProcessingApplied")
OBJECTS = ("EditPulse",)
