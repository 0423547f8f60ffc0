// A copy of the tree in which one promise after the other is broken, and the tests that show it are run by their names. They must then fail, by an
// assertion: one of them (`try`), or each (`unshaken`).

import assert from 'node:assert/strict';
import { CopiedTree, type Ran } from '../support/copied-tree.ts';
import type { Proof } from './must.ts';
import type { Replacement } from './must-breaks/row.ts';

const TEST_SECONDS_MAX = 60;

/**
 * The result of a promise's tests with the promise broken. Only `failed` is right: one of them failed by an assertion. `passed`: none of them
 * tests the promise. `silent`: they failed otherwise, by an exception or a timeout. `broken`: they fail with the unchanged product.
 */
export type Shown = 'failed' | 'passed' | 'silent' | 'broken';

/** The files that breaks change, with their texts. @param read the text of a file below `src` */
export function brokenTexts(
  breaks: readonly Replacement[],
  read: (file: string) => string,
): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, from, to } of breaks) {
    texts.set(
      file,
      (texts.get(file) ?? read(file)).replace(from, () => to),
    );
  }
  return texts;
}

/** The faults of a break: it finds nothing to change, or the file no longer parses. */
export function problemsOf(breaks: readonly Replacement[], read: (file: string) => string): readonly string[] {
  if (breaks.length === 0) return ['changes nothing'];
  return breaks.flatMap(({ file, from, to }) => {
    const count = read(file).split(from).length - 1;
    return count === 1 && from !== to ? [] : [`${file} has ${count} times\n${from}`];
  });
}

/** Tests, by file. */
export const byFile = (tests: readonly Proof[]): ReadonlyMap<string, readonly string[]> =>
  new Map([...Map.groupBy(tests, ({ file }) => file)].map(([file, proofs]) => [file, proofs.map(({ name }) => name)]));

const inPattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** True if a test failed by an assertion. @param said what ran, as TAP */
function hasFailed(said: string, name: string): boolean {
  const written = inPattern(name.replace(/[\\#]/g, '\\$&'));
  const section = new RegExp(
    `^( *)# Subtest: ${written}\\n([^]*?)^\\1(not )?ok \\d+ - ${written}\\n([^]*?^\\1  \\.\\.\\.$)`,
    'm',
  );
  const [, , within = '', not, after = ''] = section.exec(said) ?? [];
  return not !== undefined && `${within}${after}`.includes("code: 'ERR_ASSERTION'");
}

/** A copy of the tree in which promises are broken. */
export class BrokenTree {
  readonly #tree: CopiedTree;
  /** Tests that pass with the product as it is. */
  readonly #sound = new Map<string, Promise<boolean>>();

  constructor(name: string) {
    this.#tree = new CopiedTree(name);
  }

  remove(): void {
    this.#tree.remove();
  }

  /** Breaks one promise, runs its tests until one fails, and puts the product back. */
  async try(breaks: readonly Replacement[], tests: readonly Proof[], secondsMax = TEST_SECONDS_MAX): Promise<Shown> {
    const proofs = byFile(tests);
    for (const [file, names] of proofs) if (!(await this.#isSound(file, names, secondsMax))) return 'broken';
    const texts = brokenTexts(breaks, (file) => this.#tree.read(file));
    return this.#tree.changed(texts, async () => {
      let shown: Shown = 'passed';
      for (const [file, names] of proofs) {
        const { outcome, said } = await this.#run(file, names, secondsMax);
        if (outcome === 'failed' && said.includes("code: 'ERR_ASSERTION'")) return 'failed';
        if (outcome !== 'passed') shown = 'silent';
      }
      return shown;
    });
  }

  /**
   * Breaks one promise, runs its tests, puts the product back, and returns the tests that did not fail by an assertion.
   *
   * @throws AssertionError if some do not pass with the unchanged product
   */
  async unshaken(
    breaks: readonly Replacement[],
    tests: readonly Proof[],
    secondsMax = TEST_SECONDS_MAX,
  ): Promise<readonly Proof[]> {
    const proofs = byFile(tests);
    for (const [file, names] of proofs)
      assert.ok(await this.#isSound(file, names, secondsMax), `${file} fails with the unchanged product`);
    const texts = brokenTexts(breaks, (file) => this.#tree.read(file));
    return this.#tree.changed(texts, async () => {
      const unshaken: Proof[] = [];
      for (const [file, names] of proofs) {
        const { said } = await this.#run(file, names, secondsMax);
        unshaken.push(...names.filter((name) => !hasFailed(said, name)).map((name) => ({ file, name })));
      }
      return unshaken;
    });
  }

  /** True if all these tests are there and pass. */
  #isSound(file: string, names: readonly string[], secondsMax: number): Promise<boolean> {
    const key = [file, ...names].join('\n');
    const known = this.#sound.get(key);
    if (known !== undefined) return known;
    const sound = this.#run(file, names, secondsMax).then(
      ({ outcome, said }) => outcome === 'passed' && Number(/^# pass (\d+)$/m.exec(said)?.[1]) >= names.length,
    );
    this.#sound.set(key, sound);
    return sound;
  }

  #run(file: string, names: readonly string[], secondsMax: number): Promise<Ran> {
    const patterns = names.map((name) => `--test-name-pattern=(^|\\s)${inPattern(name)}$`);
    return this.#tree.run(file.replace(/^test\//, ''), secondsMax, patterns);
  }
}
