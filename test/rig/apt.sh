# shellcheck shell=bash
# Debian packages without installing them: fetched with the machine's own apt, verified by it, unpacked into the cache.
# The mirror is the one the machine is set up with; apt's own lists and sources stay as they are.

# The release the machine runs, e.g. "bookworm".
own_release() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

is_debian() { [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = debian ]) && command -v apt-get >/dev/null; }

# The address of the Debian archive in the machine's apt configuration.
debian_mirror() {
  apt-get update --print-uris 2>/dev/null | sed -n "s#^'\(.*\)/dists/$(own_release)/InRelease'.*#\1#p" | head -n 1
}

debian_keyring() {
  local file
  for file in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    [ ! -r "$file" ] || { printf '%s' "$file" && return; }
  done
  die "no keyring of the Debian archive found" "Install it: apt-get install debian-archive-keyring"
}

# Writes an apt configuration of our own: trixie, and the machine's own release.
private_apt() {
  local apt=$1 mirror keyring suite
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die "no Debian mirror in the machine's apt configuration" \
    "Check the sources: apt-get update --print-uris"
  keyring=$(debian_keyring)
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  for suite in trixie "$(own_release)"; do
    echo "deb [signed-by=$keyring] $mirror $suite main"
  done | sort -u >"$apt/sources.list"
  cat >"$apt/apt.conf" <<EOF
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
EOF
}

# fetch_packages FOLDER NAME/RELEASE… : unpacks the packages into FOLDER, all or nothing.
fetch_packages() {
  local target=$1 work deb
  shift
  work=$(mktemp -d "$CACHE/fetch.XXXXXX")
  private_apt "$work/apt"
  mkdir "$work/debs" "$work/root"
  export APT_CONFIG="$work/apt/apt.conf"
  apt-get update -qq
  (cd "$work/debs" && apt-get download -qq "$@")
  unset APT_CONFIG
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root"; done
  rm -rf "$target"
  mv "$work/root" "$target"
  rm -rf "$work"
}
