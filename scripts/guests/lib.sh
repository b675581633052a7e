# What the guest scripts share: messages, the cache, and a package manager pointed at riscv64.
# Sourced, not run. Data goes to stdout, progress and complaints to stderr. Exit status 77 means
# that this machine cannot have the guest, for the reason just printed; 1 means it went wrong.
# shellcheck shell=bash
set -euo pipefail
shopt -s inherit_errexit

guest_cache=${XDG_CACHE_HOME:-$HOME/.cache}/tinamou/guests

# say TEXT: one line of progress.
say() {
    printf 'guests: %s\n' "$*" >&2
}

# unavailable TEXT: ends the script, because this machine cannot have the guest.
unavailable() {
    say "$*"
    exit 77
}

# fail TEXT: ends the script, because something went wrong.
fail() {
    say "error: $*"
    exit 1
}

# need COMMAND PACKAGE: makes sure that a command is there.
need() {
    command -v "$1" >/dev/null || unavailable "$1 is missing (package $2; scripts/deps guests)"
}

# mirror: prints the address of a Debian mirror, taken from this machine's own package sources
# (or from TINAMOU_DEBIAN_MIRROR, for machines whose packages are not Debian's).
mirror() {
    local empty uris
    if [ -n "${TINAMOU_DEBIAN_MIRROR:-}" ]; then
        printf '%s\n' "${TINAMOU_DEBIAN_MIRROR%/}"
        return
    fi
    grep -qsx 'ID=debian' /etc/os-release || unavailable \
        "this system's packages are not Debian's: set TINAMOU_DEBIAN_MIRROR to a Debian mirror"
    empty=$(mktemp -d)
    mkdir "$empty/partial"
    uris=$(apt-get -o Dir::State::Lists="$empty" --print-uris update 2>/dev/null)
    rm -r "$empty"
    printf '%s\n' "$uris" |
        sed -n "s,^'\([^']*\)/dists/[a-z]*/InRelease'.*,\1,p" | head -n 1 | grep . ||
        unavailable "no Debian mirror in this machine's package sources: set TINAMOU_DEBIAN_MIRROR"
}

# lists_fresh FOLDER: true while the package lists there are less than a week old.
lists_fresh() {
    [ -z "${TINAMOU_GUESTS_REFRESH:-}" ] && [ -n "$(find "$1/stamp" -mtime -7 2>/dev/null)" ]
}

# apt_setup SUITE [ARCH]: makes the array apt_options for a private package manager that knows
# nothing but the suite's packages for ARCH (riscv64; the architecture-independent ones where there
# was no riscv64 yet), and brings its lists up to date; old lists serve while the mirror cannot be
# reached.
apt_setup() {
    local suite=$1 base=$guest_cache/apt-$1${2:+-$2} arch=${2:-riscv64} uri
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg
    need apt-get apt
    need dpkg-deb dpkg
    [ "$suite" != bookworm ] || arch=amd64
    apt_options=(-qq -o APT::Architecture="$arch" -o APT::Architectures="$arch"
        -o Dir::State::Lists="$base/lists" -o Dir::State::status="$base/status"
        -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$base/parts"
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$base/empty"
        -o Dir::Cache="$base/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none
        -o Acquire::Retries=3 -o APT::Install-Recommends=false -o APT::Get::Assume-Yes=true)
    if lists_fresh "$base"; then
        return
    fi
    uri=$(mirror)
    mkdir -p "$base"/{lists/partial,cache/archives/partial,parts,empty}
    : >"$base/status"
    {
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$suite"
        [ ! -e "$keys" ] || printf 'Signed-By: %s\n' "$keys"
    } >"$base/parts/debian.sources"
    say "reading the package lists of Debian $suite ($arch)"
    if apt-get "${apt_options[@]}" -o APT::Update::Error-Mode=any update >&2 &&
        compgen -G "$base/lists/*_Packages*" >/dev/null
    then
        touch "$base/stamp"
    elif [ ! -e "$base/stamp" ]; then
        unavailable "the package lists of Debian $suite ($arch) cannot be fetched"
    fi
}

# apt_unpack ROOT DEBS PACKAGE...: fetches packages with everything they need into the new folder
# DEBS and unpacks them into the folder ROOT, without root's rights and without installing them.
apt_unpack() {
    local root=$1 debs=$2 deb
    shift 2
    mkdir -p "$debs/partial"
    apt-get "${apt_options[@]}" -o Dir::Cache::archives="$debs" --download-only install "$@" >&2 ||
        fail "the packages cannot be fetched: $*"
    say "unpacking them"
    # base-files first: it brings the links from /bin and /lib into /usr that the others follow.
    for deb in "$debs"/base-files_*.deb "$debs"/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" |
            tar -C "$root" --keep-directory-symlink --no-same-owner -x || fail "cannot unpack $deb"
    done
    chmod -R u+rwX "$root"
}

# apt_tree NAME PACKAGE...: prints a folder of the cache in which the packages and everything they
# need are unpacked, to the present versions; apt_setup comes first.
apt_tree() {
    local name=$1 uris root new
    shift
    uris=$(apt-get "${apt_options[@]}" --print-uris install "$@") ||
        fail "Debian has not all of these packages: $*"
    root=$guest_cache/$name-$(printf '%s\n' "$uris" | sed "s/^'[^']*' //" | LC_ALL=C sort |
        sha256sum | cut -c 1-16)
    exec 7>"$guest_cache/$name.lock"
    flock 7
    if [ ! -d "$root" ]; then
        new=$(mktemp -d "$guest_cache/new.XXXXXX")
        # shellcheck disable=SC2064
        trap "rm -rf '$new'" EXIT
        mkdir "$new/root"
        say "fetching $1 and what it needs"
        apt_unpack "$new/root" "$new/debs" "$@"
        chmod 755 "$new/root"
        mv -T "$new/root" "$root"
    fi
    printf '%s\n' "$root"
}

# kernel_package: the name of the package that linux-image-riscv64 stands for in these lists.
kernel_package() {
    apt-cache "${apt_options[@]}" depends linux-image-riscv64 |
        sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1 | grep . ||
        fail "Debian's kernel package names no kernel"
}

# packages_unpack FOLDER PACKAGE...: fetches the packages and unpacks them into a new folder,
# which appears only when it is whole.
packages_unpack() {
    local dir=$1 new deb
    shift
    new=$(mktemp -d "$guest_cache/new.XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf '$new'" EXIT
    mkdir "$new/debs" "$new/root"
    (cd "$new/debs" && apt-get "${apt_options[@]}" download "$@" >&2) ||
        fail "the packages cannot be fetched: $*"
    for deb in "$new"/debs/*.deb; do
        dpkg-deb -x "$deb" "$new/root" || fail "cannot unpack $deb"
    done
    chmod 755 "$new/root"
    mv -T "$new/root" "$dir"
    rm -r "$new"
    trap - EXIT
}

# packages_fetch SUITE PACKAGE: prints a folder in which the package (not what it depends on) is
# unpacked; `linux-image` means Debian's current kernel. The folder's name is made from the
# package's checksum, so that it is never stale; `known-*` remembers it until the lists change.
packages_fetch() {
    local suite=$1 package=$2 base=$guest_cache/apt-$1 known uri key dir
    known=$base/known-$package
    if lists_fresh "$base" && [ "$known" -nt "$base/stamp" ] && [ -d "$(cat "$known")" ]; then
        cat "$known"
        return
    fi
    mkdir -p "$base"
    exec 8>"$base/lock"
    flock 8
    apt_setup "$suite"
    [ "$package" != linux-image ] || package=$(kernel_package)
    uri=$(apt-get "${apt_options[@]}" --print-uris download "$package") ||
        fail "Debian $suite has no package $package"
    key=$(printf '%s\n' "$uri" | sed "s/^'[^']*' //" | sha256sum | cut -c 1-16)
    dir=$guest_cache/packages-$suite-$key
    if [ ! -d "$dir" ]; then
        say "fetching $package ($(printf '%s\n' "$uri" | awk '{ printf "%.1f MB", $3 / 1e6 }'))"
        packages_unpack "$dir" "$package"
    fi
    printf '%s\n' "$dir" >"$known.new"
    mv "$known.new" "$known"
    exec 8>&-
    printf '%s\n' "$dir"
}
