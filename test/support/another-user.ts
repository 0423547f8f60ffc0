// Runs programs as an unprivileged user: the setpriv(1) arguments for it, and a checkout that this user can read.
//
// A clone below a directory with mode 700, such as a home, is closed to every other user; so may be the Node that runs the tests.
//
// 1. If that user can read both, nothing is copied.
// 2. The copy has everything that programs need, without checkers and formatters; it is removed when the process ends.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';

const ROOT = dirname(dirname(import.meta.dirname));

/** The user and the group `nobody`. */
export const NOBODY = 65_534;
/** Runs the following program as `nobody`; further setpriv(1) arguments set its capabilities. */
export const AS_NOBODY_WITH: readonly string[] = [
  'setpriv',
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
];
/** Runs the following program as `nobody` without any privilege. */
export const AS_NOBODY: readonly string[] = [...AS_NOBODY_WITH, '--inh-caps=-all', '--bounding-set=-all'];

/** The paths from which programs of this checkout run. */
interface Checkout {
  readonly root: string;
  /** The Node that runs them. */
  readonly node: string;
}

/** The files that programs need. */
const COPIED = ['bin', 'config', 'package.json', 'src', 'systemd', 'test'];
/** Packages that only check and format, and large ones that are copied separately. */
const LEFT_OUT = /^(?:\.bin|\.cache|@biomejs|@types|@typescript|typescript|node-linux-\w+)$/;

let readable: Checkout | undefined;

/** A checkout that `nobody` can read: this one, or a copy. */
export function readableCheckout(): Checkout {
  readable ??= canBeRead() ? { root: ROOT, node: process.execPath } : copyCheckout();
  return readable;
}

/**
 * The directory of compiled code (NODE_COMPILE_CACHE) of programs that `nobody` runs: each file is readable by its writer alone. Empty: these
 * tests keep none.
 */
export function nobodysCache(): string {
  const own = process.env.NODE_COMPILE_CACHE ?? '';
  if (own === '' || process.getuid?.() !== 0) return own;
  const cache = join(own, 'nobody');
  mkdirSync(cache, { recursive: true });
  chownSync(cache, NOBODY, NOBODY);
  return cache;
}

function canBeRead(): boolean {
  if (process.getuid?.() !== 0) return true;
  const [program = '', ...words] = [
    ...AS_NOBODY,
    'test',
    '-r',
    join(ROOT, 'src', 'main.ts'),
    '-a',
    '-x',
    process.execPath,
  ];
  return spawnSync(program, words, { stdio: 'ignore', cwd: '/' }).status === 0;
}

function copyCheckout(): Checkout {
  const root = mkdtempSync(join(tmpdir(), 'rackboot-readable-'));
  process.on('exit', () => rmSync(root, { recursive: true, force: true }));
  for (const name of COPIED) {
    if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(root, name), { recursive: true });
  }
  const packages = realpathSync(join(ROOT, 'node_modules'));
  cpSync(packages, join(root, 'node_modules'), {
    recursive: true,
    filter: (path) => dirname(path) !== packages || !LEFT_OUT.test(basename(path)),
  });
  // In its place among the packages, where other Nodes look for it.
  const own = relative(packages, process.execPath);
  const node = own.startsWith('..') ? join(root, 'node') : join(root, 'node_modules', own);
  mkdirSync(dirname(node), { recursive: true });
  copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
  execFileSync('chmod', ['-R', 'a+rX', root]);
  chmodSync(node, 0o755);
  return { root, node };
}
