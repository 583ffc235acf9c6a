"""Adapts the JavaScript that is published with WebAssembly Lean.

As published it declares a variable for each of 200,000 native symbols (86 of its 89 MB, none of
them used), looks every symbol up by a linear search, which takes minutes for an import, sees none
but the folders /home and /tmp, and starts four threads. Each thread keeps every function in a
`WeakMap`, through which garbage collections are slow, and makes a global variable of each, where
only those that the module imports are read; both take most of the time of a start.
"""

from __future__ import annotations

import re

from pybridge.lean.errors import LeanError

__all__ = ["PROGRAM", "adapt"]

PROGRAM = "/lean/bin/lean"

_ALIAS = re.compile(
    r'_((?:l_|initialize_)\w+)=Module\["_\1"\]=wasmExports\["\1"\](?:\.value)?;', re.ASCII
)
_DECLARATION = re.compile(r",_(?:l_|initialize_)\w+", re.ASCII)
_LEAST_ALIASES = 150_000

_REPLACEMENTS = (
    (
        "newSymIndex=Object.keys(lib.exports).indexOf(symbol);",
        "lib.indices??=new Map(Object.keys(lib.exports).map((name,index)=>[name,index]));"
        "newSymIndex=lib.indices.get(symbol)??-1;",
    ),
    (
        'FS.mount(NODEFS,{root:"/home"},"/home");FS.mount(NODEFS,{root:"/tmp"},"/tmp");'
        "var cwd=process.cwd();",
        'var cwd="/";',
    ),
    ('if(isNode){path=__filename}else{path="/bin/lean.wasm"}', f'path="{PROGRAM}";'),
    ("var pthreadPoolSize=4;", "var pthreadPoolSize=2;"),
    ("functionsInTableMap=new WeakMap;", "functionsInTableMap=new Map;"),
    (
        'GOT[symName]??=new WebAssembly.Global({value:"i32",mutable:true});'
        "GOT[symName].value=newValue",
        "if(GOT[symName])GOT[symName].value=newValue",
    ),
)


def adapt(text: str) -> str:
    """Return the published code without its variables for Lean's symbols and these defects.

    Raises `LeanError` if it is not the code that this was written for.
    """
    text, count = _ALIAS.subn("", text)
    if count < _LEAST_ALIASES:
        raise LeanError(f"the code published with WebAssembly Lean declares only {count} symbols")
    text = _DECLARATION.sub("", text)
    for old, new in _REPLACEMENTS:
        if text.count(old) != 1:
            raise LeanError(f"the code published with WebAssembly Lean lacks `{old[:40]}`")
        text = text.replace(old, new)
    return text
