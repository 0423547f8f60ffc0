// Finds a Node that runs Rackboot, and becomes it. Plain JavaScript that Node 18 understands, too: this is what the distribution's Node runs.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The major versions of Node with which Rackboot's tests run. */
const NODE_MAJORS = [24];
/** fcntl(2): which flags a descriptor has; 0 for none, not even to be closed by exec. */
const F_SETFD = 2;

/** The checkout, or the installed package. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The path of this Node, or of the one that npm installed as a package. npm 9, and 10 up to 10.8, link no program of an optional package into
 * `.bin`, so the package itself is looked at, too. Ends the process with exit code 1 where there is none.
 */
export function findNode() {
  if (NODE_MAJORS.includes(Number(process.versions.node.split('.')[0]))) return process.execPath;
  const found = [
    join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node'),
    join(root, '..', `node-linux-${process.arch}`, 'bin', 'node'),
    join(root, 'node_modules', '.bin', 'node'),
  ].find((path) => existsSync(path));
  if (found !== undefined) return found;
  if (!existsSync(join(root, 'node_modules')) && basename(dirname(root)) !== 'node_modules') {
    console.error(`rackboot: its packages are not installed yet. Run this first: cd ${root} && npm ci`);
    process.exit(1);
  }
  console.error(
    `rackboot: this is Node ${process.versions.node}; Rackboot needs Node ${NODE_MAJORS.join(' or ')}. ` +
      'Install it, or run `npm ci` without --omit=optional, which brings one along. ' +
      'If `npm ci` ended with EACCES, files of root are among the packages: sudo rm -rf node_modules && npm ci',
  );
  process.exit(1);
}

/** The environment in which `node` is found by programs of npm, which begin with `#!/usr/bin/env node`. */
export function withNode(node) {
  return { ...process.env, PATH: [dirname(node), process.env.PATH].filter(Boolean).join(delimiter) };
}

/**
 * Runs `node` with these arguments in place of this process: whoever started this one (a shell, the system's manager of services) speaks to
 * the new one itself.
 */
export async function become(node, args, env) {
  if (typeof process.execve === 'function') process.execve(node, [node, ...args], env);
  else await replaceProcess(node, args, env);
  runBeside(node, args, env);
}

/** An older Node cannot replace itself; the C library does it. Returns only where that cannot be called. */
async function replaceProcess(node, args, env) {
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

/** Two processes: signals and the end are passed on. */
function runBeside(node, args, env) {
  const child = startBeside(node, args, env);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => endUnstarted(node, error));
  child.on('exit', (code, signal) => {
    if (signal !== null) process.kill(process.pid, signal);
    else process.exit(code ?? 1);
  });
}

/** Node reports some errors at once, others as an event. */
function startBeside(node, args, env) {
  try {
    return spawn(node, args, { stdio: 'inherit', env });
  } catch (error) {
    return endUnstarted(node, error);
  }
}

function endUnstarted(node, error) {
  // npm is writing the program: the first `npm ci` is not over.
  const remedy = error.code === 'ETXTBSY' ? '; wait until `npm ci` has ended' : '';
  console.error(`rackboot: cannot start ${node}: ${error.message}${remedy}`);
  process.exit(1);
}
