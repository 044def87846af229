"""Published evaluation protocols by name: subsets, frames, joints, roots, matching and thresholds of each benchmark."""
