# Boots systemd in the folder $1. Runs in namespaces of its own (mounts, cgroups, processes, names, messages) and
# becomes their first process. The network is that of the process that started it.
set -eu
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p .old
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
# Sandboxed services get mounts of their own, which systemd hands on.
mount --make-rshared /
exec env -i container=carteiro-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init </dev/null >/dev/null 2>&1
