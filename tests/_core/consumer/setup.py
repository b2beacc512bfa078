"""A package of somebody else: no path to crossmargin, only what is installed."""

from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    name="quoter",
    packages=["quoter"],
    ext_modules=cythonize([Extension("quoter.values", ["quoter/values.pyx"])], language_level=3),
)
