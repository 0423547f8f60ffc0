// `node bin/with-node.js test/hostile/loosen.ts [words of a bound …]` checks that each bound's test really tests it. In a copy of the tree, one bound after the other
// is raised a thousandfold wherever the product uses it; the test that its row names must then fail. Tests still import the real value of the bound,
// so a test that fills the bound to its end finds room beyond it.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CopiedTree, type Outcome } from '../support/copied-tree.ts';
import { findConstant } from './bound-scan.ts';
import type { HeldBound } from './bounds/row.ts';
import { HELD } from './bounds.ts';

const TEST = join(import.meta.dirname, '..');
const TEST_SECONDS_MAX = 60;
/** Shares become everything, other numbers and the parts of a rate a thousand times as much. */
const LOOSEN =
  '((b, n = (v) => typeof v !== "number" ? v : v > 0 && v < 1 ? 1 : v * 1000) => ' +
  'typeof b === "number" ? n(b) : Object.fromEntries(Object.entries(b).map(([k, v]) => [k, n(v)])))';

/**
 * The result of a row's test with its bound loose. `passed` refutes the row. So does `broken`: the test failed with the bound in place. So does
 * `silent`, a timeout, which anything may cause, unless the row says that its test then hangs (`hangs`).
 */
export type Loosened = Outcome | 'broken';

/** A copy of the tree whose bounds can be made loose. */
export class LooseTree {
  readonly #tree = new CopiedTree('loose');
  /** Test files that pass with every bound in place. */
  readonly #sound = new Map<string, boolean>();

  remove(): void {
    this.#tree.remove();
  }

  /** Loosens one bound, runs one test file below `test`, and puts the bound back. */
  async try(at: string, test: string): Promise<Loosened> {
    const sound = this.#sound.get(test) ?? (await this.#run(test)) === 'passed';
    this.#sound.set(test, sound);
    if (!sound) return 'broken';
    const texts = new Map<string, string>();
    for (const file of this.#tree.files) {
      const text = this.#tree.read(file);
      const loose = loosen(at, file, text);
      if (loose !== text) texts.set(file, loose);
    }
    if (texts.size === 0) throw new Error(`${at} is used nowhere`);
    return this.#tree.changed(texts, () => this.#run(test));
  }

  async #run(test: string): Promise<Outcome> {
    const file = test.startsWith('contract/') ? KEEPS_CONTRACTS : test;
    return (await this.#tree.run(file, TEST_SECONDS_MAX)).outcome;
  }
}

/** The required result of a row's test with its bound loose. */
export const mustBe = ({ hangs }: HeldBound): Loosened => (hangs === true ? 'silent' : 'failed');

/** The text of a file of `src` in which a bound is loose: in all its uses, but not in the export for tests. */
export function loosen(at: string, file: string, text: string): string {
  const [home = '', name = ''] = at.split(' ');
  if (file === home && name.startsWith('#')) {
    const { expression = '' } = findConstant(at) ?? {};
    return text.replace(expression, () => `${LOOSEN}(${expression})`);
  }
  if (/^[a-z]/.test(name)) {
    // Of a key of the configuration: where the settings have it.
    const property = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return text.replace(new RegExp(`\\bterms\\.${property}\\b`, 'g'), (use) => `${LOOSEN}(${use})`);
  }
  if (file !== home && !importsFrom(file, home, name, text)) return text;
  const use = new RegExp(`(?<![\\w.#'])${name}\\b(?!\\s*(?::[^=\\n]*)?=[^=>])`);
  return text
    .split('\n')
    .map((line) => {
      // Text after `//` is a comment, and after a `*` and a space; a generator's name follows its `*` at once. Text in braces before `from` is
      // an import.
      if (
        /^\s*(?:\/\/|\*(?: |\/|$)|\/\*\*)|^import |^export \{| from '/.test(line) ||
        /^ {2}(?:type )?\w+,$/.test(line)
      )
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

/** The test that runs the contracts of the stores, which are not test files. */
const KEEPS_CONTRACTS = 'store/sqlite/region-sqlite.test.ts';

/** Whether a row's test can run alone on any host. */
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
    for (const row of rows) {
      const isThere = row.test !== undefined && existsSync(join(TEST, row.test));
      const said = isThere ? await tree.try(row.at, row.test) : 'no test';
      console.log(`${said === mustBe(row) ? '✔' : '✖'} ${row.at}: ${row.test ?? ''} ${said}`);
    }
  } finally {
    tree.remove();
  }
}
