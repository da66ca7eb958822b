"""Build the bundled head from MakeHuman's CC0 data: `python -m tools.bundled_head.build`.

`wheel` reads the data, `mesh` cuts out the head. `hair`, `units`, `identity`, `rig`, `chart`,
`paint` and `lines` each add one part; `population` reads the prior. `build` writes the file that
`jaxface.face.load` reads. The TOML files hold the choices made by hand.
"""
