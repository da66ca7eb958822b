"""One reader a layout. The data sets themselves are their publishers'; none comes with jaxface."""
