//! A user of the system: as whom a command looks at files, or writes into a folder that is that user's.

use super::language::say;
use crate::model::localized;
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::{fs, io};

/// A user with its groups, as `/etc/passwd` and `/etc/group` have them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SystemUser {
    /// Its name, or its number where the system has no name for it.
    pub(crate) name: String,
    uid: u32,
    /// Its own group, then the others it is in.
    groups: Vec<u32>,
}

impl SystemUser {
    /// The user of this name; `None` where the system has none.
    pub(crate) fn named(name: &str) -> io::Result<Option<Self>> {
        let (users, groups) = (fs::read_to_string("/etc/passwd")?, fs::read_to_string("/etc/group")?);
        Ok(Self::find(&users, &groups, |user, _| user == name))
    }

    /// Whose this file or folder is.
    pub(crate) fn owner_of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        let read = |file| fs::read_to_string(file).unwrap_or_default();
        let named = Self::find(&read("/etc/passwd"), &read("/etc/group"), |_, uid| uid == found.uid());
        Ok(named.unwrap_or_else(|| Self {
            name: format!("#{}", found.uid()),
            uid: found.uid(),
            groups: vec![found.gid()],
        }))
    }

    fn find(users: &str, groups: &str, is_meant: impl Fn(&str, u32) -> bool) -> Option<Self> {
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, ..] = fields[..] else { return None };
            let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
            is_meant(name, uid).then(|| {
                let others = groups.lines().filter_map(|line| {
                    let fields: Vec<&str> = line.split(':').collect();
                    let [_, _, other, members] = fields[..] else { return None };
                    members.split(',').any(|member| member == name).then(|| other.parse().ok())?
                });
                let groups = std::iter::once(gid).chain(others.filter(|other| *other != gid)).collect();
                Self { name: name.to_owned(), uid, groups }
            })
        })
    }

    pub(crate) fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Gives up the rights of this process, which runs as root, for this user's: for good, for this thread and those
    /// that it starts later. To be called while there is one thread. `/proc/self` isn't readable any more after it.
    pub(crate) fn become_it(&self) -> io::Result<()> {
        let id = |raw: u32| Gid::from_raw(raw);
        let groups: Vec<Gid> = self.groups.iter().copied().map(id).collect();
        let (uid, gid) = (Uid::from_raw(self.uid), groups[0]);
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        Ok(set_thread_res_uid(uid, uid, uid)?)
    }
}

/// What to do about a path that this process may not write to, behind the system's own words; empty where only those
/// help.
pub(crate) fn write_remedy(error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return String::new();
    }
    let user = crate::store::user_name(geteuid().as_raw());
    say(localized!(
        "; the user {user} may not write there: name a path in a folder of that user's",
        "; o usuário {user} não pode gravar ali: indique um caminho em uma pasta dele"
    ))
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_its_own_group_and_those_that_name_it() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\ncarteiro:x:998:997:c:/var/lib/carteiro:/sbin/nologin\n";
        let groups = "root:x:0:\nssl-cert:x:110:postgres,carteiro\ncarteiro:x:997:carteiro\nmail:x:8:carteiro2\n";
        let found = SystemUser::find(users, groups, |name, _| name == "carteiro").unwrap();
        assert_eq!(found, SystemUser { name: "carteiro".to_owned(), uid: 998, groups: vec![997, 110] });
        assert_eq!(SystemUser::find(users, groups, |_, uid| uid == 998).unwrap(), found);
        assert_eq!(SystemUser::find(users, groups, |name, _| name == "ana"), None);
        assert!(SystemUser::owner_of(Path::new("/etc/passwd")).unwrap().is_root());
    }
}
