"""Margins from sensitivities: nested correlated norms, calibrations of the user's own, the structure of ISDA SIMM."""

from crossmargin.margin.sensitivity.calibration import Calibration, load_calibration
from crossmargin.margin.sensitivity.correlation import Correlation
from crossmargin.margin.sensitivity.crif import Crif, read_crif
from crossmargin.margin.sensitivity.kept import KeptNorm
from crossmargin.margin.sensitivity.margin import Sensitivity, SensitivityMargin
from crossmargin.margin.sensitivity.quadratic import Covariance, norms
from crossmargin.margin.sensitivity.simm import Simm, SimmMargin
from crossmargin.margin.sensitivity.simm_calibration import SimmCalibration
from crossmargin.margin.sensitivity.simm_regulations import Regulated, regulated
from crossmargin.margin.sensitivity.simm_xml import read_simm_xml

__all__ = [
    "Calibration", "Correlation", "Covariance", "Crif", "KeptNorm", "Regulated", "Sensitivity", "SensitivityMargin",
    "Simm", "SimmCalibration", "SimmMargin", "load_calibration", "norms", "read_crif", "read_simm_xml", "regulated",
]  # fmt: skip
