"""Pictures from arrays: grids, latent traversals and curves. The only importer of matplotlib."""
