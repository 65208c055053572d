#!/bin/sh
# Make what docker-compose.yml needs before its first start: stack-init.sh VAR. Prints the owner as STACK_UID, STACK_GID.
# Folders that containers share, and one file per secret: random, mode 0600, never overwritten.
set -eu
var=$1
# Containers run as the caller, so that both can read these files; as root they run as nobody in particular.
uid=$(id -u) gid=$(id -g)
[ "$uid" != 0 ] || uid=10001 gid=10001

mkdir -p "$(dirname "$var")/runs" # of past rehearsals, for the console to read; Docker would make it its own

umask 077
for folder in secrets exchange pages load; do
    mkdir -p "$var/$folder"
done

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# secret NAME VALUE: written beside and renamed, so that an interrupted run leaves no half a secret.
secret() {
    [ ! -s "$var/secrets/$1" ] || return 0
    printf '%s' "$2" >"$var/secrets/.new"
    mv "$var/secrets/.new" "$var/secrets/$1"
}
secret sentry_auth_token "sntryu_$(random)"
secret postgres_password "$(random)"
secret redis_password "$(random)"
# The service takes a password as a part of an address.
secret database_url "postgresql://isl:$(cat "$var/secrets/postgres_password")@postgres:5432/isl"
secret cache_url "redis://:$(cat "$var/secrets/redis_password")@redis:6379/0"
secret service_key "$(random)"

[ "$(id -u)" != 0 ] || chown -R "$uid:$gid" "$var/secrets" "$var/exchange" "$var/pages" "$var/load"
printf 'STACK_UID=%s\nSTACK_GID=%s\n' "$uid" "$gid"
