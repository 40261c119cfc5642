# shellcheck shell=bash
# The tools of the workspace on a machine that has nothing but some Node and npm: pnpm at the pinned version through
# npx, everything else, Node itself too, from node_modules.

STAMP=$ROOT/node_modules/.rig-stamp

pinned_pnpm() { sed -n -E 's/.*"packageManager": "(pnpm@[^"+]+).*/\1/p' "$ROOT/package.json"; }

# What an install depends on.
install_key() { (cd "$ROOT" && cat package.json pnpm-lock.yaml pnpm-workspace.yaml | sha256sum); }

is_installed() { [ -r "$STAMP" ] && [ "$(<"$STAMP")" = "$(install_key)" ]; }

install_workspace() {
  ! is_installed || return 0
  command -v npx >/dev/null || die "no npx found" "Install Node 20 or newer with npm, then try again."
  (cd "$ROOT" && npm_config_loglevel=error npx --yes "$(pinned_pnpm)" install --frozen-lockfile --prefer-offline)
  install_key >"$STAMP"
}

# Installs what is missing and puts the workspace's own Node and tools first on PATH.
bootstrap() {
  is_installed || locked install install_workspace
  export PATH=$ROOT/node_modules/node/bin:$ROOT/node_modules/.bin:$PATH
}
