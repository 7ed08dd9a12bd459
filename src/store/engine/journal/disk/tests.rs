use super::*;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn both_disks_do_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let real = FolderDisk::open(&folder.path().join("journal")).unwrap();
    let memory = MemoryDisk::new();
    for disk in [&real as &dyn Disk, &memory] {
        let file = disk.create("a").unwrap();
        write_all(&*file, b"hello", 0).unwrap();
        write_all(&*file, b"world", 3).unwrap();
        file.sync().unwrap();
        disk.create("b").unwrap();
        disk.rename("a", "b").unwrap();
        disk.sync().unwrap();
        assert_eq!(disk.list().unwrap(), ["b"]);
        let mut buffer = [0; 20];
        let again = disk.open("b").unwrap();
        assert_eq!(read_up_to(&*again, &mut buffer, 1).unwrap(), 7);
        assert_eq!(&buffer[..7], b"elworld");
        assert_eq!(read_up_to(&*again, &mut buffer, 100).unwrap(), 0);
        again.set_len(2).unwrap();
        assert_eq!(again.len().unwrap(), 2);
        // One that is made anew is another file.
        let other = disk.create("b").unwrap();
        assert_eq!((again.len().unwrap(), other.len().unwrap()), (2, 0));
        disk.remove("b").unwrap();
        assert!(disk.open("b").is_err() && disk.remove("b").is_err() && disk.rename("b", "c").is_err());
    }
    real.create("c").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("journal/c")), 0o600);
    assert_eq!(mode(&folder.path().join("journal")), 0o700);
}

#[test]
fn a_power_cut_leaves_any_of_what_was_not_synced_and_all_of_what_was() {
    let disk = MemoryDisk::new();
    let file = disk.create("a").unwrap();
    disk.sync().unwrap();
    write_all(&*file, &[1; 4096], 0).unwrap();
    file.sync().unwrap();
    write_all(&*file, &[2; 8192], 4096).unwrap();
    write_all(&*file, &[3], 0).unwrap();
    disk.rename("a", "b").unwrap();
    let nothing = disk.cut_power(|_| 0);
    assert_eq!(nothing.contents("a").unwrap(), [1; 4096]);
    let all = disk.cut_power(|n| n - 1);
    assert_eq!(all.contents("b"), disk.contents("b"));
    // The last page alone: the one before it is a hole.
    let mut choices = [0, 0, 0, 1, 2].into_iter();
    let last = disk.cut_power(|_| choices.next().unwrap());
    let contents = last.contents("a").unwrap();
    assert_eq!((contents.len(), contents[0], contents[4096], contents[8192]), (12288, 1, 0, 2));
    // A killed process leaves everything, and a power cut after that can still take it.
    assert_eq!(disk.kill().contents("b"), disk.contents("b"));
    assert_eq!(disk.kill().cut_power(|_| 0).contents("a").unwrap(), [1; 4096]);
}

#[test]
fn calls_fail_by_number() {
    let disk = MemoryDisk::new();
    let file = disk.create("a").unwrap();
    disk.fail(1, Fault::Io);
    assert_eq!(file.write_at(b"1234", 0).unwrap_err().raw_os_error(), Some(5));
    disk.fail(2, Fault::Full);
    assert_eq!(file.write_at(b"1234", 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.contents("a").unwrap(), b"123");
    disk.fail(3, Fault::Short);
    write_all(&*file, b"4321", 0).unwrap();
    assert_eq!(disk.contents("a").unwrap(), b"4321");
    assert_eq!(disk.calls(), 5);
    disk.fail(5, Fault::Crash);
    assert!(file.sync().is_err() && file.len().is_err() && disk.list().is_err());
}
