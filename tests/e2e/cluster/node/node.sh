#!/bin/sh
# The first process of a node of the cluster: makes its namespaces a machine's, starts containerd, and holds them. It runs in
# namespaces of its own for mounts, processes, cgroups, the host's name and the network. Arguments: directory, node's name.
set -e
directory=$1 name=$2

mount --make-rprivate /
mount -t proc proc /proc
umount -R -l /sys
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
while IFS=: read -r _ controllers _; do
  case $controllers in
    "") continue ;;
    name=*) place=${controllers#name=} options=none,$controllers ;;
    *) place=$controllers options=$controllers ;;
  esac
  mkdir "/sys/fs/cgroup/$place"
  mount -t cgroup -o "$options" cgroup "/sys/fs/cgroup/$place"
  for one in $(echo "$place" | tr , ' '); do [ -e "/sys/fs/cgroup/$one" ] || ln -s "$place" "/sys/fs/cgroup/$one"; done
done </proc/self/cgroup

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/containerd /var/lib/cni /var/lib/kubelet
for place in /var/lib/cni /var/lib/kubelet /var/log; do
  mkdir -p "$directory$place"
  mount --bind "$directory$place" "$place"
done
# The kubelet writes these, which are the whole machine's: it gets plain files instead.
mkdir -p "$directory/sysctl"
for sysctl in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  copy=$directory/sysctl/$(echo "$sysctl" | tr / _)
  cat "/proc/sys/$sysctl" >"$copy"
  mount --bind "$copy" "/proc/sys/$sysctl"
done
# Last: volumes that the kubelet mounts have to reach the containers.
mount --make-rshared /

hostname "$name"
containerd --config "$directory/containerd.toml" >/var/log/containerd.log 2>&1 &
until [ -S /run/containerd/containerd.sock ]; do sleep 0.05; done
echo "node is up"
# Orphans of pods are this process's to reap.
while :; do wait; sleep 1; done
