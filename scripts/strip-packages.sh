#!/bin/sh
# Take out of a virtual environment what no image needs: strip-packages.sh VENV. Tests of packages, stubs, C sources and
# headers that wheels carry, and debug symbols. Not those in *.libs: auditwheel has moved things in these, and strip may
# break them.
set -eu
packages=$(echo "$1"/lib/python3*/site-packages)
find "$packages" -depth -type d -name tests -exec rm -rf {} +
find "$packages" -type f \( -name '*.pxd' -o -name '*.py[ix]' -o -name '*.[ach]' \) -delete
find "$packages" -type f -name '*.so' -not -path '*.libs/*' -exec strip --strip-debug {} +
