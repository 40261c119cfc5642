# shellcheck shell=bash
# Workspace, engine and base images, in that order; what every entry point starts with.
# shellcheck source=bootstrap.sh
. "$RIG/bootstrap.sh"
# shellcheck source=engine.sh
. "$RIG/engine.sh"
# shellcheck source=images.sh
. "$RIG/images.sh"

# What the compose files take from the environment: base images, the engine's socket on the host, the CA bundle that
# builds may need (an optional secret, never baked in).
# shellcheck disable=SC2034 # used by env
COMPOSE_VARIABLES=(ERLMCP_DEBIAN_IMAGE ERLMCP_NODE_IMAGE DOCKER_SOCKET ERLMCP_CA_FILE)

compose_variables() {
  case $DOCKER_HOST in unix://*) export DOCKER_SOCKET=${DOCKER_HOST#unix://} ;; esac
  local ca=${NODE_EXTRA_CA_CERTS:-${SSL_CERT_FILE:-}}
  [ -z "$ca" ] || export ERLMCP_CA_FILE=$ca
}

setup() {
  bootstrap
  engine_up
  images_up
  compose_variables
}
