//! Vectors and properties of the public interface.

mod bypass;
mod places;
mod properties;
mod vectors;
