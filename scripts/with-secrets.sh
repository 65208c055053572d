#!/bin/sh
# Files named as variables become those variables, then the command runs: the service is configured by its environment
# only, and what is secret stands in no compose file, no image and no `docker inspect`.
set -eu
for file in /run/secrets/[A-Z]* /run/exchange/[A-Z]*; do
    [ ! -s "$file" ] || export "$(basename "$file")=$(cat "$file")"
done
exec "$@"
