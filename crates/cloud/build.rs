//! Rebuilds the crate when the Console's pages, which release builds embed, were built anew.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Other profiles read the pages from disk at run time.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo:rerun-if-changed=../../console/dist");
    }
}
