"""The analysis: one abstract run of every durable handler.

The engine walks a handler the way Python would run it, with values that know three things: what they may be
(`values.Kind`), where their uncertainty comes from (`values.Taint`), and what they contain. Calls are followed
into the project's own functions, so a helper inherits the region it is called from. What the walk sees that
matters for replay is emitted as a *fact* (`facts`); the rules look only at facts.

Modules, lowest first: `values`, `modules` (the project's files), `frames` (one activation of one function), `facts`,
`lookup` (names of modules and classes), `expressions`, `stores`, `comprehensions`, `containers`, `parameters`, `flow`,
`statements`, `operations`, `helpers`, `calls`, `witness` (what is worth telling), `run` (the engine), `roots`.
"""
