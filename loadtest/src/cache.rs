use std::path::{Path, PathBuf};

use anyhow::Context;

/// Where data goes that can be made again, by the XDG base directory specification; `instead` is the option that says
/// another place.
pub(crate) fn cache(instead: &str) -> anyhow::Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|path| Path::new(path).is_absolute());
    let base = match base {
        Some(path) => PathBuf::from(path),
        None => std::env::home_dir()
            .with_context(|| format!("there is no home folder: say where with {instead}"))?
            .join(".cache"),
    };
    Ok(base.join("plinth-data"))
}
