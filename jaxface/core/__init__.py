"""What every room needs: errors, named shapes, config, files, progress, the machine."""
