//! `carteiro reload`: has the running daemon read its config again, and ends as that did. A signal would do it too, but says nothing:
//! a service manager that only sends one reports success before anything has happened.

use super::{ConfigArgs, DONE, FAILED, TRY_LATER, complain, load};
use crate::control;
use std::io::{Read as _, Write as _};

pub(super) fn reload(args: &ConfigArgs) -> u8 {
    // A file with problems is named here, and the daemon not bothered with it.
    let data = match load(args, &[]) {
        Ok(loaded) => loaded.config.store.path,
        Err(code) => return code,
    };
    let mut stream = match control::connect(&data) {
        Ok(Some(stream)) => stream,
        Ok(None) => {
            complain(format_args!(
                "no daemon runs on {}; where `store.path` has changed, it takes a restart",
                data.display()
            ));
            return TRY_LATER;
        }
        Err(error) => {
            let error = crate::store::of_folder(&data, error);
            complain(format_args!("the daemon on {} can't be asked: {error}", data.display()));
            return TRY_LATER;
        }
    };
    let mut told = String::new();
    if let Err(error) = writeln!(stream, "reload").and_then(|()| stream.read_to_string(&mut told)) {
        complain(format_args!("the daemon on {} broke off: {error}", data.display()));
        return FAILED;
    }
    let told = told.trim_end();
    if let Some(done) = told.strip_prefix("ok\n") {
        println!("{done}");
        return DONE;
    }
    complain(told.strip_prefix("error ").unwrap_or("the daemon hung up before it said what became of it"));
    FAILED
}
