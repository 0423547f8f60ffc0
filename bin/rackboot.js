#!/usr/bin/env node
// Finds a Node that runs Rackboot (24 or later: this one, or the one that npm installed beside it) and starts it with the
// flags the daemon wants. Plain JavaScript that also an old Node understands.
//
// --v8-pool-size=1: on a host with few cores V8's helper threads otherwise crowd the rack loop out while the region collects garbage.
// --max-semi-space-size=8: what waits for the disk dies young. With 2, which keeps the idle process 11 MB smaller, a tenth of a lease's
// processor time goes into copying it; with 16 little more is saved.
// --no-parallel-scavenge: a young generation of this size is collected in a millisecond; shared with a helper thread it costs more in all.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 24;
/** fcntl(2): which flags a descriptor has; 0 for none, not even to be closed by exec. */
const F_SETFD = 2;
const FLAGS = [
  '--v8-pool-size=1',
  '--max-semi-space-size=8',
  '--no-parallel-scavenge',
  '--disable-warning=ExperimentalWarning',
];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const major = Number(process.versions.node.split('.')[0]);
const bundled = [
  join(root, 'node_modules', '.bin', 'node'),
  join(root, '..', `node-linux-${process.arch}`, 'bin', 'node'),
  join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node'),
].find((path) => existsSync(path));
const node = major >= NODE_MAJOR_MIN ? process.execPath : bundled;

if (node === undefined) {
  console.error(
    `rackboot: this is Node ${process.versions.node}; Rackboot needs Node ${NODE_MAJOR_MIN} or later. ` +
      `Install it, or run \`npm ci\` without --omit=optional, which brings one along.`,
  );
  process.exit(1);
}
const main = [join(root, 'src', 'main.ts'), join(root, 'dist', 'main.js')].find((path) => existsSync(path));
if (main === undefined) {
  console.error(`rackboot: neither src/main.ts nor dist/main.js exists below ${root}; the installation is incomplete.`);
  process.exit(1);
}
const args = [...FLAGS, main, ...process.argv.slice(2)];
const env = { ...process.env };
// Compiled code is kept beside the packages of a checkout; an installed service names its own place.
if (env.NODE_COMPILE_CACHE === undefined && existsSync(join(root, 'node_modules'))) {
  env.NODE_COMPILE_CACHE = join(root, 'node_modules', '.cache', 'rackboot');
}
// One process instead of two: whoever started this one (a shell, the system's manager of services) speaks to the daemon itself.
if (typeof process.execve === 'function') process.execve(node, [node, ...args], env);
else await replaceProcess();

/** An older Node cannot replace itself; the C library does it. Returns only where that cannot be called. */
async function replaceProcess() {
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load('libc.so.6');
    const fcntl = libc.func('int fcntl(int, int, ...)');
    const execve = libc.func('int execve(const char *, const char **, const char **)');
    // Node keeps its three streams for itself.
    for (const stream of [0, 1, 2]) fcntl(stream, F_SETFD, 'int', 0);
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    execve(node, [node, ...args, null], [...variables, null]);
  } catch {
    // Without the package or the library there are two processes.
  }
}

const child = spawn(node, args, { stdio: 'inherit', env });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  console.error(`rackboot: cannot start ${node}: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  if (signal !== null) process.kill(process.pid, signal);
  else process.exit(code ?? 1);
});
