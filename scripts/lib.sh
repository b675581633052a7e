# Shared by the scripts of this folder, sourced: folders, messages, progress, root, locks, apt.
# Progress and errors go to stderr, so that a script's answer alone is on stdout.

# shellcheck disable=SC2034 # for the scripts that source this
top=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
# shellcheck disable=SC2034
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tinamou

export TINAMOU_BEGAN=${TINAMOU_BEGAN:-$(date +%s)}

say() {
    printf '%s\n' "$*" >&2
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Prints the comment at the head of the script and ends it, when the first argument asks for help.
help_if_asked() {
    case ${1-} in
        -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit 0 ;;
    esac
}

# Time since the first script of those that called each other began, as minutes:seconds.
elapsed() {
    local seconds=$(($(date +%s) - TINAMOU_BEGAN))
    printf '%d:%02d' $((seconds / 60)) $((seconds % 60))
}

# step LOG WHAT COMMAND...: a line when it begins and one when it ended; what it printed goes to
# LOG, whose end is shown when it failed.
step() {
    local log=$1 what=$2 began=$SECONDS
    shift 2
    say "[$(elapsed)] $what ..."
    if "$@" >"$log" 2>&1 </dev/null; then
        say "[$(elapsed)] $what: done in $((SECONDS - began)) s"
        return 0
    fi
    tail -n 40 "$log" >&2
    say "[$(elapsed)] $what: FAILED after $((SECONDS - began)) s, whole log in $log"
    return 1
}

# as_root COMMAND...: through sudo unless we are root already.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root for: $*"
    fi
}

# lock_file FILE WHAT: waits until no other process holds FILE; it is held until this script ends.
lock_file() {
    local fd
    mkdir -p "${1%/*}"
    exec {fd}>"$1"
    flock --nonblock "$fd" && return
    say "[$(elapsed)] $2: another process is at it, waiting ..."
    flock "$fd"
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 "$@"
}

# A line "origin url" for each repository that this machine's apt knows.
apt_repositories() {
    apt-get indextargets --format "\$(ORIGIN) \$(REPO_URI)" 'Identifier: Packages'
}

# The Debian mirror of this machine's own package sources, without a slash at its end.
debian_mirror() {
    local uri
    [ -z "${TINAMOU_DEBIAN_MIRROR-}" ] || { echo "${TINAMOU_DEBIAN_MIRROR%/}" && return; }
    command -v apt-get >/dev/null || die "no apt: set TINAMOU_DEBIAN_MIRROR=URL of a Debian mirror"
    [ -n "$(apt_repositories)" ] || apt_get update >&2 || die "apt-get update failed"
    uri=$(apt_repositories | awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }')
    [ -n "$uri" ] || die "this is not Debian: set TINAMOU_DEBIAN_MIRROR=URL of a Debian mirror"
    echo "${uri%/}"
}

# configure FOLDER OPTION...: a Meson build folder with exactly these options.
configure() {
    local folder=$1 stamp=$1/tinamou-options
    shift
    if [ -e "$folder/build.ninja" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$*" ]; then
        return 0
    fi
    rm -rf "$folder"
    meson setup "$folder" "$top" "$@" && printf '%s\n' "$*" >"$stamp"
}

# build FOLDER OPTION...: configures and compiles, with a progress line; false when that fails.
build() {
    mkdir -p "${1%/*}"
    step "$1.log" "configuring ${1#"$top"/}" configure "$@" &&
        step "$1.log" "compiling ${1#"$top"/}" meson compile -C "$1"
}
