# One image for agents and servers, for amd64 and arm64: podman build --build-arg KIAM_COMMIT=$(git rev-parse HEAD) .
# No foreign program is run, so either architecture builds on either (--platform=linux/arm64; podman 4 also needs
# --build-arg BUILDPLATFORM=linux/amd64).

# Its tags carry no version: who publishes the image passes a digest.
ARG BASE=gcr.io/distroless/base-nossl-debian12:latest

FROM --platform=$BUILDPLATFORM docker.io/oven/bun:1.4.5-slim AS build
ARG TARGETARCH
ARG KIAM_COMMIT=unknown
WORKDIR /kiam
COPY package.json bun.lock bunfig.toml ./
RUN bun install --frozen-lockfile --production --ignore-scripts
COPY . .
# baseline: nodes without AVX2 too.
RUN set -eu; \
    case $TARGETARCH in \
      amd64) target=bun-linux-x64-baseline ;; \
      arm64) target=bun-linux-arm64 ;; \
      *) echo "no build for $TARGETARCH" >&2; exit 1 ;; \
    esac; \
    bun scripts/build.ts /out/kiam "$target"; \
    bun scripts/notices.ts /out/usr/share/doc/kiam/THIRD_PARTY_NOTICES; \
    cp LICENSE /out/usr/share/doc/kiam/

# The platform is the default's; podman 4 forgets it after a stage that names another.
FROM --platform=$TARGETPLATFORM $BASE AS base

# What the agent runs: iptables with both back ends, conntrack, and their libraries.
FROM --platform=$BUILDPLATFORM docker.io/library/debian:12.11-slim AS root
ARG TARGETARCH
ARG PACKAGES="iptables conntrack libip4tc2 libip6tc2 libmnl0 libnetfilter-conntrack3 libnfnetlink0 libnftnl11 libxtables12"
COPY --from=base / /root-fs/
WORKDIR /packages
RUN set -eu; \
    dpkg --add-architecture "$TARGETARCH"; \
    apt-get update; \
    for package in $PACKAGES; do apt-get download "$package:$TARGETARCH"; done; \
    for deb in *.deb; do \
      dpkg-deb -x "$deb" unpacked; \
      dpkg-deb -f "$deb" >"/root-fs/var/lib/dpkg/status.d/$(dpkg-deb -f "$deb" Package)"; \
    done; \
    cd unpacked; \
    mkdir -p /root-fs/usr/sbin /root-fs/usr/lib; \
    cp -a usr/sbin/xtables-nft-multi usr/sbin/xtables-legacy-multi usr/sbin/conntrack /root-fs/usr/sbin/; \
    for program in iptables ip6tables; do \
      for action in "" -save -restore; do \
        ln -s xtables-nft-multi "/root-fs/usr/sbin/$program-nft$action"; \
        ln -s xtables-legacy-multi "/root-fs/usr/sbin/$program-legacy$action"; \
        ln -s xtables-nft-multi "/root-fs/usr/sbin/$program$action"; \
      done; \
    done; \
    for lib in lib usr/lib; do [ ! -d $lib ] || cp -a $lib/. /root-fs/usr/lib/; done; \
    for doc in usr/share/doc/*/copyright; do \
      mkdir -p "/root-fs/${doc%/copyright}"; cp -a "$doc" "/root-fs/$doc"; \
    done; \
    # The Go release's manifests mount the host's xtables lock in /var/run, and iptables looks for it in /run.
    rm -rf /root-fs/var/run; \
    ln -s /run /root-fs/var/run
COPY --from=build /out /root-fs

# All of the distroless base is in the one layer: a directory of its, /var/run, could not become a link in a layer above it.
FROM scratch
ARG KIAM_COMMIT=unknown
COPY --from=root /root-fs /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LABEL org.opencontainers.image.title="kiam" \
      org.opencontainers.image.description="Gives each pod of a Kubernetes cluster on AWS its own IAM role" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="5.0.0" \
      org.opencontainers.image.revision="$KIAM_COMMIT" \
      org.opencontainers.image.base.name="gcr.io/distroless/base-nossl-debian12:latest"
ENTRYPOINT ["/kiam"]
