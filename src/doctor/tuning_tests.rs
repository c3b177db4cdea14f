//! The files of `tuning/` themselves: that they say all that they must, and agree.

use super::*;
use crate::doctor::setting::Read;
use crate::doctor::testing;

fn embedded() -> Tuning {
    Tuning::embedded(&testing::facts())
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tuning"))
}

/// A copy of the files in a folder of its own, with one of them changed.
fn changed(name: &str, from: &str, to: &str) -> Result<Tuning, Vec<String>> {
    let copy = tempfile::tempdir().expect("a folder");
    for (file, text) in TOPICS.iter().chain(INSTALLABLE) {
        let path = copy.path().join(file);
        fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        let text = if *file == name { text.replacen(from, to, 1) } else { (*text).to_owned() };
        assert!(*file != name || text.contains(to), "{from} is not in {name}");
        fs::write(path, text).expect("written");
    }
    Tuning::from_folder(copy.path(), &testing::facts())
}

#[test]
fn every_setting_says_what_why_how_to_verify_undo_and_what_was_measured() {
    let tuning = embedded();
    assert!(tuning.settings().count() > 30);
    for (file, setting) in tuning.settings() {
        let texts = [
            ("what", &setting.what),
            ("why", &setting.why),
            ("verify", &setting.verify),
            ("mend", &setting.mend),
            ("undo", &setting.undo),
            ("measured", &setting.measured),
        ];
        for (part, text) in texts {
            assert!(text.trim().len() >= 8, "{file}: {} says nothing under `{part}`", setting.name);
        }
        let told = ["Measured", "Not measured", "Seen"].iter().any(|word| setting.measured.starts_with(word));
        assert!(told, "{file}: {}: begin `measured` with Measured, Seen or Not measured", setting.name);
    }
}

#[test]
fn a_sysctl_is_named_as_sysctl_names_it() {
    for (file, setting) in embedded().settings() {
        let Read::File(path) = &setting.read else { continue };
        let Some(sysctl) = path.strip_prefix("/proc/sys/") else { continue };
        if setting.keep.iter().any(|keep| keep.file == "90-ringswitch.conf") {
            assert_eq!(sysctl.replace('/', "."), setting.name, "{file}: the sysctl and its file");
        }
    }
}

/// Every file of the folder is one that doctor knows, or its index.
#[test]
fn the_folder_holds_no_file_that_doctor_does_not_read() {
    let mut found = Vec::new();
    let mut folders = vec![folder().to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder()).expect("inside").display().to_string());
            }
        }
    }
    found.sort();
    let mut known: Vec<String> = TOPICS.iter().chain(INSTALLABLE).map(|(name, _)| (*name).to_owned()).collect();
    known.push("README.md".to_owned());
    known.sort();
    assert_eq!(found, known);
}

#[test]
fn the_index_names_every_file_and_every_setting() {
    let index = fs::read_to_string(folder().join("README.md")).expect("tuning/README.md");
    let tuning = embedded();
    let files = TOPICS.iter().chain(INSTALLABLE).map(|(name, _)| *name);
    for name in files.chain(tuning.settings().map(|(_, setting)| setting.name.as_str())) {
        assert!(index.contains(name), "tuning/README.md does not name {name}");
    }
}

#[test]
fn a_folder_is_as_good_as_what_is_built_in() {
    assert_eq!(Tuning::from_folder(folder(), &testing::facts()), Ok(embedded()));
}

#[test]
fn a_changed_file_changes_the_demand() {
    let tuning = changed("network.toml", "want = \">= 4096\"", "want = \">= 1024\"").expect("still sound");
    let somaxconn = tuning.settings().find(|(_, setting)| setting.name == "net.core.somaxconn").expect("there").1;
    assert_eq!(somaxconn.want.shown(&testing::facts()), ">= 1024");
}

#[test]
fn a_folder_that_contradicts_itself_is_refused_with_the_place() {
    let faults = changed("90-ringswitch.conf", "net.core.somaxconn = 4096", "net.core.somaxconn = 128");
    let faults = faults.expect_err("differs").join("\n");
    assert!(faults.contains("90-ringswitch.conf:") && faults.contains(">= 4096"), "{faults}");
    let faults = changed("limits.toml", "want = \">= {descriptors}\"", "want = \"plenty\"");
    let faults = faults.expect_err("no demand").join("\n");
    assert!(faults.contains("limits.toml") && faults.contains("`plenty` is no demand"), "{faults}");
    let faults = changed("limits.toml", "measured =", "mesured =").expect_err("unknown key").join("\n");
    assert!(faults.contains("mesured"), "{faults}");
    let faults = changed("memory.toml", "name = \"vm.swappiness\"", "name = \"limit.nofile\"").expect_err("twice");
    assert!(faults.iter().any(|fault| fault.contains("twice")), "{faults:?}");
    let nowhere = Tuning::from_folder(Path::new("/nonexistent"), &testing::facts()).expect_err("no folder");
    assert_eq!(nowhere.len(), TOPICS.len() + INSTALLABLE.len());
}
