// Runs jobs of WebAssembly Lean, one after another, in one process.
//
// node driver.js LEAN_JS LIBRARY PARENT MOST_MEMORY
//   LEAN_JS       the adapted glue code, with lean.wasm beside it
//   LIBRARY       the folder of the .olean files that come with Lean
//   PARENT        the process id of the parent, without which this process ends
//   MOST_MEMORY   bytes; a Lean that has taken more is replaced by a new one before the next job
//
// Standard input: one JSON job a line.
//   arguments   Lean's arguments, e.g. ["Foo.lean"]
//   options     Lean's options, each [getopt letter, value or null], e.g. [["o", "/out/Foo.olean"]]
//   mounts      {"/name": "folder of this machine"}: the only folders that the job sees
//   directory   the current folder, one of the mounts
//   path        where Lean looks for .olean files besides LIBRARY, each one of the mounts
// Standard output: one JSON object a line.
//   {"ready": true}                        once, before the first job
//   {"stdout": line} or {"stderr": line}   what Lean prints
//   {"status": n}                          at the end of each job: 70 when Lean crashed
//
// Lean does not give memory back, and its code is slow until V8 has optimised it. Each Lean
// therefore is a thread: when it ends, its memory is free, and its code stays for the next one.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const readline = require('node:readline');
const { createRequire } = require('node:module');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const CRASHED = 70;
const send = (answer) => fs.writeSync(1, JSON.stringify(answer) + '\n');

if (isMainThread) {
  dispatch();
} else {
  startLean();
}

function dispatch() {
  const [leanJs, library] = process.argv.slice(2, 4).map((name) => path.resolve(name));
  const [parent, mostMemory] = process.argv.slice(4, 6).map(Number);
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  }, 500).unref();

  const wasm = new WebAssembly.Module(fs.readFileSync(path.join(path.dirname(leanJs), 'lean.wasm')));
  const waiting = [];
  let lean = null; // the thread that has said that it is ready, while it is idle
  let first = true;

  function start() {
    const thread = new Worker(__filename, { workerData: { leanJs, library, wasm } });
    const failed = (reason) => {
      send({ stderr: `Lean crashed: ${reason?.stack ?? reason}` });
      process.exit(CRASHED);
    };
    thread.on('error', failed);
    thread.on('exit', failed);
    thread.on('message', (used) => {
      if (used > mostMemory) {
        thread.removeAllListeners('exit');
        thread.terminate().then(start);
        return;
      }
      if (first) send({ ready: true });
      first = false;
      lean = thread;
      next();
    });
  }

  function next() {
    if (lean && waiting.length) {
      lean.postMessage(waiting.shift());
      lean = null;
    }
  }

  start();
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    waiting.push(line);
    next();
  });
  lines.on('close', () => process.exit(0));
}

// In a thread, which posts what its jobs have used, in bytes, whenever it can take one.
function startLean() {
  const { leanJs, library, wasm } = workerData;
  // This build reports every step that it takes.
  const isTrace = /^(\[DEBUG|  - .*\.olean$|  mainModule\? = )/;

  console.log = () => {};
  globalThis.leanModule = {
    noInitialRun: true,
    noExitRuntime: true,
    locateFile: (name) => path.join(path.dirname(leanJs), name),
    instantiateWasm: (imports, receive) => {
      WebAssembly.instantiate(wasm, imports).then((instance) => receive(instance, wasm));
    },
    print: (line) => send({ stdout: line }),
    printErr: (line) => { if (!isTrace.test(line)) send({ stderr: line }); },
    quit: (status, thrown) => { throw thrown; },
    onRuntimeInitialized: () => setTimeout(serve, 0, library),
  };
  vm.compileFunction(
    `Module = globalThis.leanModule;\n${fs.readFileSync(leanJs, 'utf8')}
    ;globalThis.lean = {
      callMain, FS, NODEFS, ENV, stringToNewUTF8,
      words() { growMemViews(); return HEAPU32; },
      symbol: (name) => resolveGlobalSymbol(name).sym,
    };`,
    ['exports', 'require', 'module', '__filename', '__dirname'],
    { filename: leanJs },
  )({}, createRequire(leanJs), { exports: {} }, leanJs, path.dirname(leanJs));
}

// Lean leaves by exit(), which throws an object with its status; a C++ exception is a number.
function statusOf(run) {
  try {
    return run() | 0;
  } catch (thrown) {
    if (typeof thrown?.status === 'number') return thrown.status;
    send({ stderr: `Lean crashed: ${thrown?.stack ?? thrown}` });
    return CRASHED;
  }
}

function serve(library) {
  const { lean } = globalThis;
  const { FS } = lean;
  let mounted = [];

  function mount(folders) {
    for (const name of mounted) FS.unmount(name);
    mounted = [];
    for (const [name, root] of Object.entries(folders)) {
      FS.mkdirTree(name);
      FS.mount(lean.NODEFS, { root }, name);
      mounted.push(name);
    }
  }

  function start() {
    FS.mkdirTree('/lean/bin');
    FS.writeFile('/lean/bin/lean', ''); // the name that Lean goes by, from which it finds its library
    FS.mkdirTree('/lean/lib/lean');
    FS.mount(lean.NODEFS, { root: library }, '/lean/lib/lean');
    FS.writeFile('/start.lean', 'prelude\n'); // main() initialises the runtime, but only once
    if (statusOf(() => lean.callMain(['-j1', '/start.lean'])) !== 0) {
      throw new Error('WebAssembly Lean did not start');
    }
    lean.symbol('lean_init_task_manager_using')(1);
  }

  function run(job) {
    FS.chdir('/');
    mount(job.mounts);
    FS.chdir(job.directory);
    const searchPath = job.path.join(':');
    lean.ENV.LEAN_PATH = searchPath;
    lean.symbol('setenv')(lean.stringToNewUTF8('LEAN_PATH'), lean.stringToNewUTF8(searchPath), 1);
    lean.symbol('lean_init_search_path')();

    const malloc = lean.symbol('malloc');
    const poke = (address, value) => { lean.words()[address >> 2] = value; };
    const options = malloc(4);
    const result = malloc(4);
    poke(options, lean.symbol('lean_shell_options_mk')(1));
    const option = lean.symbol('_ZN4lean20process_shell_optionERNS_10object_refEiPKcRi');
    for (const [letter, value] of job.options) {
      const text = value === null ? 0 : lean.stringToNewUTF8(value);
      option(options, letter.charCodeAt(0), text, result);
    }
    const argv = malloc(4 * (job.arguments.length + 1));
    job.arguments.forEach((word, i) => poke(argv + 4 * i, lean.stringToNewUTF8(word)));
    poke(argv + 4 * job.arguments.length, 0);
    return lean.symbol('_ZN4lean14run_shell_mainEiPPcRKNS_10object_refE')(
      job.arguments.length, argv, options,
    );
  }

  parentPort.on('message', (line) => {
    send({ status: statusOf(() => run(JSON.parse(line))) });
    parentPort.postMessage(lean.words().byteLength);
  });
  start();
  parentPort.postMessage(0);
}
