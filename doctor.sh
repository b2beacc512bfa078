#!/bin/sh
# Says what this machine lacks for the build, and the one line that installs it.
python=${1:-python3}
missing=""
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    found=$("$python" --version 2>/dev/null || echo absent)
    echo "crossmargin needs Python 3.11 or newer; '$python' is $found."
    missing=" python3"
fi
"$python" -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
header='import sysconfig, os, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
"$python" -c "$header" 2>/dev/null || missing="$missing python3-dev"
command -v "${CC:-cc}" >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
if [ -n "$missing" ]; then
    echo "Missing:$missing. Install with:"
    echo "    sudo apt-get install -y$missing"
    exit 1
fi
