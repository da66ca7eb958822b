"""Programs that make what jaxface ships; they need a checkout or the source distribution."""
