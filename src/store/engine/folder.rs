//! The data folder as the disk has it.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the names inside a folder durable, and the folder's own.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    let Some(parent) = path.canonicalize()?.parent().map(Path::to_owned) else {
        return Ok(());
    };
    match File::open(parent) {
        // The parent may be closed to us; who made the folder has synced it, or nobody can.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        parent => parent?.sync_all(),
    }
}

/// The data folder holds tokens' hashes, targets' credentials and customers' data: nobody else's to read.
pub(crate) fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}
