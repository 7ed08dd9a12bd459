//! C libraries that are loaded into the daemon before libc, to change what its system calls do.

use super::harness::skipped;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles a library from its source, into a folder; `None`, and a word of why, where there can be none. `test` needs
/// it.
pub(crate) fn compile(test: &str, folder: &Path, source: &str) -> Option<PathBuf> {
    let compiled = try_compile(folder, source);
    compiled.map_err(|why| skipped(test, &why)).ok()
}

fn try_compile(folder: &Path, source: &str) -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return Err("a static binary loads no library".to_owned());
    }
    let (file, library) = (folder.join("preload.c"), folder.join("preload.so"));
    fs::write(&file, source).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).args([&library, &file]).arg("-ldl");
    let compiled = cc.output().map_err(|error| format!("cc: {error}"))?;
    let said = String::from_utf8_lossy(&compiled.stderr);
    if compiled.status.success() { Ok(library) } else { Err(format!("cc: {said}")) }
}
