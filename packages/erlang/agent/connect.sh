# Finds the Erlang VM of this container and joins it. Runs INSIDE the container that is backed up, by
#   sh -c "$(cat connect.sh)" connect find       as any user: one line "PID UID GID NAME" for every VM
#   sh -c "$(cat connect.sh)" connect session    as the VM's own user, with ERLMCP_PID: a client VM on stdin and stdout
# Needs sh, tr, sed, head and cat (busybox has them); exit status 127 without. Writes no file and puts no cookie on a command line.
# With ERLMCP_BESIDE it runs in another container that has the same processes and network, and an OTP of its own in
# /usr/lib/erlang; as the VM's own user it sees the files of the VM's container under /proc/PID/root.
# Failures: one line "erlmcp: CODE TEXT" on standard error, exit status 1.

fail() {
  echo "erlmcp: $*" >&2
  exit 1
}

for tool in tr sed head cat; do command -v "$tool" >/dev/null || exit 127; done

# The value after -KEY on the VM's command line; arguments from -args_file and vm.args stand there expanded.
argument() { tr '\0' '\n' <"/proc/$1/cmdline" | sed -n "/^-$2\$/{n;p;}" | head -n 1; }

# A variable of the VM's environment; only its own user may read it.
variable() { { tr '\0' '\n' <"/proc/$1/environ"; } 2>/dev/null | sed -n "s/^$2=//p" | head -n 1; }

# A client of ours is a VM too.
is_vm() {
  command_name=
  { read -r command_name <"/proc/$1/comm"; } 2>/dev/null
  case $command_name in
    beam.smp | beam | beam.*) ;;
    *) return 1 ;;
  esac
  case $({ tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null) in
    '' | *"-setcookie erlmcp_none"*) return 1 ;;
  esac
}

name_of() {
  name=$(argument "$1" sname)
  [ -n "$name" ] || name=$(argument "$1" name)
  [ -n "$name" ] || name=$(variable "$1" RELEASE_NODE)
  [ -n "$name" ] || name=$(variable "$1" RABBITMQ_NODENAME)
  epmd=$(argument "$1" bindir)/epmd
  [ -z "$ERLMCP_BESIDE" ] || epmd=epmd
  [ -n "$name" ] || name=$("$epmd" -names 2>/dev/null | sed -n 's/^name \(.*\) at port.*/\1/p' | head -n 1)
  echo "$name"
}

find_vms() {
  for directory in /proc/[0-9]*; do
    pid=${directory#/proc/}
    is_vm "$pid" || continue
    uid=$(sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "$directory/status")
    gid=$(sed -n 's/^Gid:[[:space:]]*\([0-9]*\).*/\1/p' "$directory/status")
    echo "$pid $uid $gid $(name_of "$pid")"
  done
}

# -setcookie [NODE] COOKIE, then the cookie file, then what releases put into the environment.
cookie_of() {
  root=${ERLMCP_BESIDE:+/proc/$1/root}
  if [ -n "$ERLMCP_COOKIE_FILE" ]; then
    [ -r "$root$ERLMCP_COOKIE_FILE" ] || fail "no_cookie $ERLMCP_COOKIE_FILE (label erlmcp.backup.cookie-file) cannot be read"
    head -n 1 "$root$ERLMCP_COOKIE_FILE"
    return
  fi
  cookie=$(argument "$1" setcookie)
  second=$(tr '\0' '\n' <"/proc/$1/cmdline" | sed -n '/^-setcookie$/{n;n;p;}' | head -n 1)
  case $second in
    '' | -*) ;;
    *) cookie=$second ;;
  esac
  home=$(argument "$1" home)
  for file in "$home/.erlang.cookie" "$(variable "$1" XDG_CONFIG_HOME)/erlang/.erlang.cookie" "$home/.config/erlang/.erlang.cookie"; do
    [ -n "$cookie" ] || { [ -r "$root$file" ] && cookie=$(head -n 1 "$root$file"); }
  done
  [ -n "$cookie" ] || cookie=$(variable "$1" RELEASE_COOKIE)
  [ -n "$cookie" ] || cookie=$(variable "$1" RABBITMQ_ERLANG_COOKIE)
  echo "$cookie"
}

session() {
  vm=$ERLMCP_PID
  [ -r "/proc/$vm/cmdline" ] || fail "vm_gone the VM with process id $vm is gone"
  # The application's own variables may hold flags that would hit our client too.
  unset ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_LIBS ERL_INETRC ERL_COMPILER_OPTIONS
  ERLMCP_NODE=$(name_of "$vm")
  [ -n "$ERLMCP_NODE" ] || fail "no_distribution the VM was started without -name or -sname"
  ERLMCP_COOKIE=$(cookie_of "$vm") || exit 1
  [ -n "$ERLMCP_COOKIE" ] || fail "no_cookie no cookie found on the command line, in the VM's home or its environment"
  ROOTDIR=$(argument "$vm" root)
  BINDIR=$(argument "$vm" bindir)
  if [ -n "$ERLMCP_BESIDE" ]; then
    for key in proto_dist epmd_module; do
      value=$(argument "$vm" $key)
      case $value in '' | inet_tcp) ;; *) fail "no_tls the node uses -$key $value, and its image has no shell" ;; esac
    done
    ROOTDIR=/usr/lib/erlang
    for BINDIR in "$ROOTDIR"/erts-*/bin; do :; done
  fi
  [ -x "$BINDIR/erlexec" ] || fail "no_erlexec $BINDIR/erlexec is missing or may not be run"
  type=sname
  [ -n "$(argument "$vm" name)" ] && type=name
  case $ERLMCP_NODE in *@*.*) type=name ;; esac
  # A long name needs a domain, which a container seldom has: the node's own host part will do.
  client=undefined
  case $type:$ERLMCP_NODE in name:*@*) client=undefined@${ERLMCP_NODE#*@} ;; esac
  boot=
  for candidate in "$ROOTDIR/bin/start_clean.boot" "$ROOTDIR"/releases/*/start_clean.boot "$ROOTDIR/bin/no_dot_erlang.boot"; do
    [ -z "$boot" ] && [ -r "$candidate" ] && boot=${candidate%.boot}
  done
  [ -n "$boot" ] || fail "no_boot no start_clean.boot under $ROOTDIR"
  set -- -boot "$boot" -boot_var RELEASE_LIB "$ROOTDIR/lib" -boot_var SYSTEM_LIB_DIR "$ROOTDIR/lib"
  for key in erl_epmd_port proto_dist ssl_dist_optfile epmd_module; do
    value=$(argument "$vm" $key)
    [ -n "$value" ] && set -- "$@" "-$key" "$value"
  done
  for key in ERL_EPMD_PORT LD_LIBRARY_PATH; do
    value=$(variable "$vm" $key)
    [ -n "$ERLMCP_BESIDE" ] && [ $key = LD_LIBRARY_PATH ] && value=
    [ -n "$value" ] && export "$key=$value"
  done
  EMU=beam PROGNAME=erl HOME=/nonexistent ERL_CRASH_DUMP_SECONDS=0
  export ROOTDIR BINDIR EMU PROGNAME HOME ERL_CRASH_DUMP_SECONDS ERLMCP_NODE ERLMCP_COOKIE
  # A dynamic name, no listening port, no entry in epmd, no cookie of its own, and no busy waiting.
  exec "$BINDIR/erlexec" +S 1:1 +SDcpu 1:1 +SDio 1 +A 1 +sbwt none +MIscs 64 -noinput -hidden -start_epmd false \
    -dist_listen false "-$type" "$client" -setcookie erlmcp_none "$@" -eval '
      Read = fun Read(Port, Seen) ->
        case Seen of
          <<Length:32, Frame:Length/binary, Rest/binary>> -> {Frame, Rest};
          _ -> receive {Port, {data, Data}} -> Read(Port, <<Seen/binary, Data/binary>>); {Port, eof} -> halt(3) end
        end
      end,
      In = open_port({fd, 0, 0}, [in, binary, stream, eof]),
      {Beam, More} = Read(In, <<>>),
      {module, Client} = code:load_binary(erlmcp_client, "erlmcp_client.beam", Beam),
      Client:main(In, More).'
}

case $1 in
  find) find_vms ;;
  session) session ;;
esac
