"""Tables 3 to 6 of PM2 on rendered domains."""
