#!/bin/sh
# A Docker engine for the tests marked `stack`, on a machine that has none and no image registry: engine.sh COMMAND
#   check            is an engine reachable, with Compose 2 and buildx? changes nothing
#   up [--install]   start one where none answers; --install: from Debian's packages first (root)
#   images           make what images/ describes, where it is missing; base files come from Debian's packages
#   down             stop the engine that `up` started, and nothing else
# Exit 3, with one line of reason, where this cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
state=$here/../../var/stack-engine
suite=trixie # bookworm's Compose is version 1, which is another program; this one's runs on bookworm's libc
base=debian:$suite-slim

say() { printf 'engine: %s\n' "$*" >&2; }
missing() { say "$*"; exit 3; }
answers() { docker info >/dev/null 2>&1; }

has_programs() {
    command -v dockerd >/dev/null && command -v mmdebstrap >/dev/null &&
        docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1
}

check() {
    command -v docker >/dev/null || missing "no docker command here"
    answers || missing "no Docker engine answers"
    case "$(docker compose version --short 2>/dev/null)" in
        "" | v1* | 1.*) missing "no Compose 2 here" ;;
    esac
    docker buildx version >/dev/null 2>&1 || missing "no buildx here"
}

# The mirror is asked of apt at run time; nothing under /etc/apt changes.
install_packages() {
    [ "$(id -u)" = 0 ] || missing "not root, so nothing can be installed"
    command -v apt-get >/dev/null || missing "no apt-get here"
    grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release || missing "the recipe is for Debian 12 only"
    say "installing the engine, Compose, buildx and mmdebstrap from Debian ($state/install.log)"
    apt-get update -qq >"$state/install.log" 2>&1 || missing "apt-get update failed: $state/install.log"
    # shellcheck disable=SC2016 # apt's own variables
    mirror=$(apt-get indextargets --format '$(REPO_URI)|$(RELEASE)' 'Created-By: Packages' | sed -n 's/|bookworm$//p' | head -n 1)
    [ -n "$mirror" ] || missing "apt names no mirror of bookworm"
    mkdir -p "$state/apt/lists/partial"
    printf 'deb %s bookworm main\ndeb %s %s main\n' "$mirror" "$mirror" "$suite" >"$state/apt/sources.list"
    printf 'Package: *\nPin: release n=%s\nPin-Priority: 100\n' "$suite" >"$state/apt/preferences"
    own="-o Dir::Etc::sourcelist=$state/apt/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$state/apt/lists
        -o Dir::Etc::preferences=$state/apt/preferences -o Dir::Etc::preferencesparts=-"
    # shellcheck disable=SC2086 # options, to be split
    {
        apt-get $own update -qq
        DEBIAN_FRONTEND=noninteractive apt-get $own install -qq -y --no-install-recommends \
            docker.io/$suite docker-cli/$suite docker-compose/$suite docker-buildx/$suite iptables mmdebstrap
    } >>"$state/install.log" 2>&1 || missing "Debian's packages could not be installed: $(tail -n 1 "$state/install.log")"
    printf '%s\n' "$mirror" >"$state/mirror"
}

up() {
    if (check) 2>/dev/null; then
        say "an engine answers already"
        return
    fi
    mkdir -p "$state"
    if [ "${1:-}" = --install ]; then
        has_programs || install_packages
    fi
    command -v dockerd >/dev/null || missing "no dockerd here; up --install installs it"
    [ "$(id -u)" = 0 ] || missing "not root, so dockerd cannot be started"
    # In a session of its own: Ctrl-C in a test must not end it.
    answers || { setsid dockerd --pidfile "$state/dockerd.pid" >"$state/dockerd.log" 2>&1 </dev/null & }
    tries=0
    until answers; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || missing "dockerd did not start: $(tail -n 1 "$state/dockerd.log")"
        sleep 0.5
    done
    check
}

images() {
    check
    if ! docker image inspect "$base" >/dev/null 2>&1; then
        [ "$(id -u)" = 0 ] || missing "not root, so mmdebstrap cannot make $base"
        command -v mmdebstrap >/dev/null || missing "no mmdebstrap here; up --install installs it"
        mirror=$(cat "$state/mirror" 2>/dev/null) || missing "no Debian mirror is known; up --install asks apt for it"
        say "making $base out of Debian's packages"
        mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates \
            --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' \
            "$suite" "$state/base.tar" "$mirror" 2>"$state/base.log" ||
            missing "mmdebstrap failed: $(tail -n 1 "$state/base.log")"
        docker import --change 'LABEL stand-in=yes' "$state/base.tar" "$base" >/dev/null
        rm -f "$state/base.tar"
    fi
    make_image python "python:3.13-slim-$suite"
    make_image postgres postgres:17
    make_image redis redis:8
}

# make_image FOLDER TAG: under the official name, so that the project's files run as they are. Never pushed.
make_image() {
    ! docker image inspect "$2" >/dev/null 2>&1 || return 0
    say "making a stand-in for $2"
    rm -rf "$state/context"
    cp -R "$here/images/$1" "$state/context"
    mkdir -p "$state/context/ca"
    # Certificates that this machine trusts: behind an inspecting proxy pip would refuse every package.
    cp /usr/local/share/ca-certificates/*.crt "$state/context/ca/" 2>/dev/null || true
    docker build --quiet --label stand-in=yes --build-arg "BASE=$base" --tag "$2" "$state/context" >/dev/null \
        2>"$state/build.log" || missing "the stand-in for $2 could not be built: $(tail -n 1 "$state/build.log")"
}

down() {
    [ -f "$state/dockerd.pid" ] || return 0
    pid=$(cat "$state/dockerd.pid")
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || return 0 # it has ended; the number may be another's by now
    kill "$pid"
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ $tries -lt 60 ]; do
        tries=$((tries + 1))
        sleep 0.5
    done
}

case "${1:-}" in
    check | images | down) "$1" ;;
    up) up "${2:-}" ;;
    *) say "usage: engine.sh check|up [--install]|images|down"; exit 2 ;;
esac
