//! Disks whose power can be cut, as often as one likes, while they are written to.
//!
//! Three storeys, each a filesystem in an image that is a file of the storey below, mounted by a loop device:
//!
//! - the **base**, XFS, which can clone a file in an instant;
//! - the **rack**, XFS again, which plays the drives' caches;
//! - the **disks**, ext4, for a daemon to live on.
//!
//! A clone (FICLONE) is atomic. A clone of a disk's image on the rack holds all that its block device had been given at
//! that instant, and nothing that stood only in ext4's page cache or in a process: a power cut to a drive that keeps
//! what it is given. A clone of the rack's own image on the base holds of each disk what had been flushed, and little
//! else: the rest stood in the rack's page cache. That is a power cut to a drive with a volatile cache, and it finds a
//! program out that writes where it has written before, gets its bytes as far as the drive (`sync_file_range` does) and
//! never has them flushed.
//!
//! A plain copy of an image would not do: while it reads, the disk is written on, and it can catch a later write and
//! miss an earlier one that was flushed before it, a state that never was.
//!
//! This file knows nothing of carteiro.

use crate::harness::{DEADLINE, eventually};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Every image is sparse: these are bounds, well above what a chain of rounds writes, and no space is taken up in
/// advance.
const BASE_BYTES: u64 = 8 << 30;
const RACK_BYTES: u64 = 4 << 30;
const DISK_BYTES: u64 = 1 << 30;
/// Few inodes and nothing left for later, so that the kernel has no initialising of its own to do on a mounted disk.
const EXT4: [&str; 6] = ["-q", "-F", "-N", "1024", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
const XFS: [&str; 3] = ["-q", "-m", "reflink=1"];
/// A rack and its clones have one UUID, which XFS refuses to mount twice unless told that it does not matter. What is
/// deleted is given back to the storey below.
const XFS_MOUNT: &str = "loop,nouuid,discard";

/// A program, looked for where the system keeps those for root as well, which not every PATH names.
fn program(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")).env("LC_ALL", "C");
    command
}

/// Runs a program to its end; on failure its complaint.
fn run(name: &str, arguments: &[&OsStr]) -> Result<(), String> {
    let output = program(name).args(arguments).output().map_err(|error| format!("{name}: {error}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{name}: {}", complaint.trim())) }
}

/// A command that runs this test binary again, in a mount namespace of its own: however its processes end, by Ctrl-C or
/// kill -9 too, the kernel takes mounts and loop devices back when the last of them is gone. The guards below do so in
/// good order whenever a test ends or panics; this is for when they never run. `Err` says why it can't be had.
pub(super) fn in_a_namespace() -> Result<Command, String> {
    let own = fs::metadata("/proc/self").map_err(|error| format!("/proc: {error}"))?;
    if own.uid() != 0 {
        return Err("it needs root, to mount images by loop devices".to_owned());
    }
    let arguments = ["--mount", "--propagation", "private"];
    let trial: Vec<&OsStr> = arguments.iter().chain(&["true"]).map(OsStr::new).collect();
    run("unshare", &trial)?;
    let mut command = program("unshare");
    command.args(arguments).arg(std::env::current_exe().map_err(|error| error.to_string())?);
    Ok(command)
}

/// What becomes, in a power cut, of what the drive was given and not yet asked to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unflushed {
    Retained,
    Lost,
}

/// A disk after a power cut, as it was taken.
pub(super) enum Taken {
    /// A disk.
    Disk(PathBuf),
    /// A rack with the disk on it, by its file's name.
    Rack(PathBuf, PathBuf),
}

/// The rack that all disks stand in.
pub(super) struct Rack {
    folder: TempDir,
    base: PathBuf,
    disks: PathBuf,
}

impl Rack {
    /// Sets it up; `Err` says in one line what this machine lacks or refuses.
    pub(super) fn set_up() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("carteiro-powercut-").tempdir();
        let folder = folder.map_err(|error| format!("a temporary folder: {error}"))?;
        for tool in ["mkfs.xfs", "xfs_io"] {
            program(tool).arg("-V").output().map_err(|_| format!("it needs {tool} (Debian: xfsprogs)"))?;
        }
        let base = folder.path().join("base");
        let disks = folder.path().join("rack");
        // From here on the guard unmounts what is mounted.
        let all = Self { folder, base, disks };
        let base_image = all.folder.path().join("base.img");
        format("mkfs.xfs", &XFS, &base_image, BASE_BYTES)?;
        mount(&base_image, &all.base, XFS_MOUNT)?;
        // The loop device holds on to the file; its name has had its day, and its space can't be left behind.
        fs::remove_file(&base_image).map_err(|error| format!("{}: {error}", base_image.display()))?;
        format("mkfs.xfs", &XFS, &all.rack_image(), RACK_BYTES)?;
        mount(&all.rack_image(), &all.disks, XFS_MOUNT)?;
        format("mkfs.ext4", &EXT4, &all.disks.join("blank.img"), DISK_BYTES)?;
        // Whatever else this machine could refuse shows here, before anything is asserted.
        let trial = all.clone_of(&all.disks.join("blank.img"), "trial")?;
        drop(all.plug_in(&trial)?);
        all.discard(&trial);
        Ok(all)
    }

    fn rack_image(&self) -> PathBuf {
        self.base.join("rack.img")
    }

    fn clone_of(&self, disk: &Path, name: &str) -> Result<PathBuf, String> {
        let clone = self.disks.join(format!("{name}.img"));
        run("cp", &["--reflink=always".as_ref(), disk.as_os_str(), clone.as_os_str()])?;
        Ok(clone)
    }

    /// An empty disk.
    pub(super) fn blank(&self, name: &str) -> PathBuf {
        self.settled(self.clone_of(&self.disks.join("blank.img"), name).unwrap())
    }

    /// Makes sure that a disk is where it is: a power cut takes no disk out of the rack.
    fn settled(&self, disk: PathBuf) -> PathBuf {
        File::open(&disk).unwrap().sync_all().unwrap();
        File::open(&self.disks).unwrap().sync_all().unwrap();
        disk
    }

    /// Mounts a disk. A filesystem that was cut off in the middle replays its journal here.
    pub(super) fn plug_in(&self, disk: &Path) -> Result<Plugged<'_>, String> {
        let place = self.folder.path().join(disk.with_extension("mounted").file_name().unwrap());
        mount(disk, &place, "loop")?;
        Ok(Plugged { place, _rack: self })
    }

    /// Cuts the power: what this disk would hold if it went now. Nobody on the disk notices. `note` is called right
    /// before, to write down how things stand: the shorter the time between, the fewer the bugs that hide in it. So the
    /// program that clones has been started by then and only waits for its order; starting one takes longer than most
    /// syncs.
    pub(super) fn cut<T>(&self, disk: &Path, unflushed: Unflushed, name: &str, note: impl FnOnce() -> T) -> (Taken, T) {
        let (folder, source) = match unflushed {
            Unflushed::Retained => (&self.disks, disk.to_owned()),
            Unflushed::Lost => (&self.base, self.rack_image()),
        };
        let (from, to) = (source.file_name().unwrap().to_str().unwrap(), format!("{name}.img"));
        let clone = folder.join(&to);
        let mut knife = program("xfs_io");
        knife.args(["-f", &to]).current_dir(folder);
        let mut knife = knife.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        eventually("xfs_io has opened its file", || clone.exists().then_some(()));
        let noted = note();
        knife.stdin.take().unwrap().write_all(format!("reflink -q {from}\n").as_bytes()).unwrap();
        let output = knife.wait_with_output().unwrap();
        let is_whole = clone.metadata().unwrap().len() == source.metadata().unwrap().len();
        assert!(output.status.success() && output.stderr.is_empty() && is_whole, "no clone of {from}: {output:?}");
        let taken = match unflushed {
            Unflushed::Retained => Taken::Disk(clone),
            Unflushed::Lost => Taken::Rack(clone, disk.file_name().unwrap().into()),
        };
        (taken, noted)
    }

    /// Puts a disk that was taken back into the rack, under a new name if it isn't there.
    pub(super) fn put_back(&self, taken: Taken) -> PathBuf {
        match taken {
            Taken::Disk(disk) => self.settled(disk),
            Taken::Rack(image, disk) => {
                let place = image.with_extension("mounted");
                let place = self.folder.path().join(place.file_name().unwrap());
                mount(&image, &place, XFS_MOUNT).unwrap();
                let mounted = Mounted(&place);
                let copy = self.disks.join(image.file_name().unwrap());
                run("cp", &["--sparse=always".as_ref(), place.join(disk).as_os_str(), copy.as_os_str()]).unwrap();
                drop(mounted);
                fs::remove_file(image).unwrap();
                self.settled(copy)
            }
        }
    }

    /// Throws a disk away.
    pub(super) fn discard(&self, disk: &Path) {
        assert!(disk.starts_with(&self.disks), "no disk of this rack");
        fs::remove_file(disk).unwrap();
    }

    /// That a cut is a cut, on this kernel and with these mounts: what was synced is there, what was only written is
    /// not, and what the drive was given without a flush is or isn't, by the kind of the cut.
    pub(super) fn prove(&self) {
        const OLD: &[u8] = &[b'o'; 4096];
        const NEW: &[u8] = &[0; 4096];
        let disk = self.blank("proof");
        let plugged = self.plug_in(&disk).unwrap();
        let given = plugged.path().join("given");
        let mut file = File::create(&given).unwrap();
        file.write_all(OLD).unwrap();
        file.sync_all().unwrap();
        drop(file);
        File::open(plugged.path()).unwrap().sync_all().unwrap();
        // Straight to the drive, over what is there already: no name, no length, no place changes, and nobody asks for
        // a flush.
        let to = format!("of={}", given.display());
        let zeros = ["if=/dev/zero", &to, "bs=4096", "count=1", "oflag=direct", "conv=notrunc"].map(OsStr::new);
        run("dd", &zeros).unwrap();
        plugged.write_in_vain();
        // In this order, since a clone on the rack brings a disk's writes one storey down.
        for (unflushed, expected) in [(Unflushed::Lost, OLD), (Unflushed::Retained, NEW)] {
            let cut = self.put_back(self.cut(&disk, unflushed, "proof-cut", || ()).0);
            let after = self.plug_in(&cut).unwrap();
            let found = fs::read(after.path().join("given")).expect("a cut keeps a file that was synced");
            assert!(found == expected, "unflushed writes should be {unflushed:?}");
            assert!(after.was_in_vain(), "a cut keeps what was never synced: it is none");
            drop(after);
            self.discard(&cut);
        }
        drop(plugged);
        self.discard(&disk);
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        unmount(&self.disks);
        unmount(&self.base);
        // The kernel lets go of a loop device a moment after its mount is gone. A test that leaves one behind has
        // failed.
        let start = Instant::now();
        let folder = self.folder.path().display().to_string();
        while loop_files().iter().any(|file| file.contains(&folder)) {
            if start.elapsed() > DEADLINE {
                assert!(std::thread::panicking(), "loop devices are left behind: {:?}", loop_files());
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A mounted disk, unmounted when it goes out of scope. What writes on it must have ended by then.
pub(super) struct Plugged<'a> {
    place: PathBuf,
    /// The rack can't be taken down while a disk in it is mounted.
    _rack: &'a Rack,
}

/// What [`Plugged::write_in_vain`] writes, and where.
const IN_VAIN: (&str, &[u8]) = ("never-synced", b"written, and in nobody's hands but the page cache's");

impl Plugged<'_> {
    pub(super) fn path(&self) -> &Path {
        &self.place
    }

    /// Writes a file that is never synced, for a cut right behind it to lose: if it does not, it was no cut.
    pub(super) fn write_in_vain(&self) {
        let (name, text) = IN_VAIN;
        // Anew each time, since the kernel may long have written the last one back.
        let _ = fs::remove_file(self.place.join(name));
        fs::write(self.place.join(name), text).unwrap();
    }

    /// Whether that was in vain. The file's name may be there, for the journal carries names to the disk with the next
    /// sync of any file, but nobody had asked for its bytes.
    pub(super) fn was_in_vain(&self) -> bool {
        let (name, text) = IN_VAIN;
        fs::read(self.place.join(name)).map_or(true, |bytes| bytes != text)
    }
}

impl Drop for Plugged<'_> {
    fn drop(&mut self) {
        unmount(&self.place);
    }
}

struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        unmount(self.0);
    }
}

/// Makes a sparse image with a filesystem in it.
fn format(mkfs: &str, options: &[&str], image: &Path, bytes: u64) -> Result<(), String> {
    let made = File::create(image).and_then(|file| file.set_len(bytes));
    made.map_err(|error| format!("{}: {error}", image.display()))?;
    let arguments: Vec<&OsStr> = options.iter().map(OsStr::new).chain([image.as_os_str()]).collect();
    run(mkfs, &arguments)
}

/// Mounts an image on a folder that is made for it, by a loop device that goes away with the mount.
fn mount(image: &Path, place: &Path, options: &str) -> Result<(), String> {
    fs::create_dir(place).map_err(|error| format!("{}: {error}", place.display()))?;
    run("mount", &["-o".as_ref(), options.as_ref(), image.as_os_str(), place.as_os_str()])
        .inspect_err(|_| drop(fs::remove_dir(place)))
}

/// Takes back what [`mount`] did, if it did.
fn unmount(place: &Path) {
    let start = Instant::now();
    // A process that has just been killed may take a moment to close its files.
    while place.exists() {
        let Err(error) = run("umount", &[place.as_os_str()]) else {
            let _ = fs::remove_dir(place);
            return;
        };
        if start.elapsed() > DEADLINE {
            // Out of everybody's sight at least, and gone when its last file is closed.
            let lazily = run("umount", &["-l".as_ref(), place.as_os_str()]);
            assert!(std::thread::panicking(), "{error}, {lazily:?}");
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The files behind the machine's loop devices.
fn loop_files() -> Vec<String> {
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    devices.filter_map(|device| fs::read_to_string(device.path().join("loop/backing_file")).ok()).collect()
}
