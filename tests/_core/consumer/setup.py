"""A package of somebody else: no path to crossmargin's sources, only what is installed."""

from Cython.Build import cythonize
from setuptools import Extension, setup

from crossmargin._core import get_include

values = Extension("quoter.values", ["quoter/values.pyx"])
admission = Extension("quoter.admission", ["quoter/admission.pyx"], include_dirs=[get_include()])
setup(
    name="quoter",
    packages=["quoter"],
    ext_modules=cythonize([values, admission], language_level=3),
)
