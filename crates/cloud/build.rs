//! Makes the folder of the Console's pages, and rebuilds the crate when the pages, which release builds embed, were built
//! anew.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Other profiles read the pages from disk at run time. The folder's real path is taken when the crate is compiled, so
    // it must be there although the pages may come later.
    let pages = std::path::Path::new("../../console/dist");
    if let Err(error) = std::fs::create_dir_all(pages) {
        println!("cargo:warning={}: {error}; the Console will be missing", pages.display());
    }
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed=../../console/dist");
    }
}
