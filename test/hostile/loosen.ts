// `node test/hostile/loosen.ts [words of a bound …]`: what the rows of the bounds say of their tests is tried. In a copy of the tree one bound after the
// other is made a thousand times what it is, wherever the product uses it; the test that its row names must then fail. Tests go on importing the value
// that the bound really has, so a test that fills the bound to its end finds room behind that.

import { spawn } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findConstant } from './bound-scan.ts';
import type { HeldBound } from './bounds/row.ts';
import { HELD } from './bounds.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TEST_SECONDS_MAX = 60;
/** Shares become everything, other numbers and the parts of a rate a thousand times as much. */
const LOOSEN =
  '((b, n = (v) => typeof v !== "number" ? v : v > 0 && v < 1 ? 1 : v * 1000) => ' +
  'typeof b === "number" ? n(b) : Object.fromEntries(Object.entries(b).map(([k, v]) => [k, n(v)])))';

/** What the test of a row did when its bound was loose; `passed` refutes the row, as does `broken`, which failed with the bound in place. */
export type Loosened = 'failed' | 'passed' | 'broken';

/** A copy of the tree whose bounds can be made loose. */
export class LooseTree {
  readonly #root = mkdtempSync(join(tmpdir(), 'rackboot-loose-'));
  /** Test files that pass while every bound is what it is. */
  readonly #sound = new Map<string, boolean>();

  constructor() {
    for (const name of ['src', 'test', 'bin', 'config', 'docs', 'fixtures', 'package.json', 'tsconfig.json']) {
      cpSync(join(ROOT, name), join(this.#root, name), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(this.#root, 'node_modules'));
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** Loosens one bound, runs one test file below `test`, and puts the bound back. */
  async try(at: string, test: string): Promise<Loosened> {
    const sound = this.#sound.get(test) ?? (await this.#passes(test));
    this.#sound.set(test, sound);
    if (!sound) return 'broken';
    const before = new Map<string, string>();
    for (const file of globSync('**/*.ts', { cwd: join(this.#root, 'src') })) {
      const path = join(this.#root, 'src', file);
      const text = readFileSync(path, 'utf8');
      const loose = loosen(at, file, text);
      if (loose === text) continue;
      // Throws where the loosened file cannot be read: a test that fails for that would show nothing.
      stripTypeScriptTypes(loose);
      before.set(path, text);
      writeFileSync(path, loose);
    }
    if (before.size === 0) throw new Error(`${at} is used nowhere`);
    const passed = await this.#passes(test);
    for (const [path, text] of before) writeFileSync(path, text);
    return passed ? 'passed' : 'failed';
  }

  async #passes(test: string): Promise<boolean> {
    const words = [
      '--test',
      `--test-timeout=${TEST_SECONDS_MAX * 1000}`,
      join(this.#root, 'test', test.startsWith('contract/') ? KEEPS_CONTRACTS : test),
    ];
    const { NODE_TEST_CONTEXT: _own, ...env } = process.env;
    const child = spawn(process.execPath, words, {
      cwd: this.#root,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString('utf8');
    });
    const end = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), TEST_SECONDS_MAX * 1000);
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearTimeout(end);
    const [own] = /(?:ReferenceError|SyntaxError)[^\n]*/.exec(said) ?? [];
    if (own !== undefined) throw new Error(`${test} with a loose bound: ${own}`);
    return code === 0;
  }
}

/** The text of a file of `src` in which a bound is loose: all uses of it, but not what is exported to tests. */
export function loosen(at: string, file: string, text: string): string {
  const [home = '', name = ''] = at.split(' ');
  if (file === home && name.startsWith('#')) {
    const { expression = '' } = findConstant(at) ?? {};
    return text.replace(expression, () => `${LOOSEN}(${expression})`);
  }
  if (file !== home && !importsFrom(file, home, name, text)) return text;
  const use = new RegExp(`(?<![\\w.#'])${name}\\b(?!\\s*(?::[^=\\n]*)?=[^=>])`);
  return text
    .split('\n')
    .map((line) => {
      // What stands after `//` is a comment, and what stands between braces before `from` is an import.
      if (/^\s*(?:\/\/|\*|\/\*\*)|^import |^export \{| from '/.test(line) || /^ {2}(?:type )?\w+,$/.test(line))
        return line;
      const [code = '', ...comment] = line.split(' // ');
      return [code.replace(new RegExp(use, 'g'), `${LOOSEN}(${name})`), ...comment].join(' // ');
    })
    .join('\n');
}

function importsFrom(file: string, home: string, name: string, text: string): boolean {
  for (const [, names = '', path = ''] of text.matchAll(/import \{([^}]*)\} from '(\.[^']*)'/g)) {
    if (join(dirname(file), path) === home && names.split(',').some((one) => one.trim() === name)) return true;
  }
  return false;
}

/** Contracts of the stores are no tests by themselves; this one keeps them to all of them. */
const KEEPS_CONTRACTS = 'store/region-sqlite.test.ts';

/** Whether a row's test can be run by itself on any host. */
export const isUnit = ({ test }: HeldBound): boolean => test !== undefined && !/^(?:e2e|hostile|long)\//.test(test);

if (import.meta.main) {
  const wanted = process.argv.slice(2);
  const rows = Object.values(HELD)
    .flat()
    .filter((row) =>
      wanted.length === 0 ? isUnit(row) : wanted.some((word) => row.at === word || row.at.endsWith(` ${word}`)),
    );
  const tree = new LooseTree();
  try {
    for (const { at, test } of rows) {
      const said = test === undefined || !existsSync(join(ROOT, 'test', test)) ? 'no test' : await tree.try(at, test);
      console.log(`${said === 'failed' ? '✔' : '✖'} ${at}: ${test ?? ''} ${said}`);
    }
  } finally {
    tree.remove();
  }
}
