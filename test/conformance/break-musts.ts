// `node test/conformance/break-musts.ts [words of a row …]`: each demand on this server is broken in a copy of the tree, as must-breaks.ts says, and the
// tests that its row names are run by their names. One of them must then fail, by an assertion.

import { CopiedTree, type Ran } from '../support/copied-tree.ts';
import { DHCP_MUSTS, type Proof } from './dhcp-musts.ts';
import type { BrokenMust } from './must-breaks/row.ts';
import { keyOf, MUST_BREAKS } from './must-breaks.ts';

const TEST_SECONDS_MAX = 60;

/**
 * The result of a row's tests with its demand broken. Only `failed` is right: one of them failed by an assertion. `passed`: none of them
 * tests the demand. `silent`: they failed otherwise, by an exception or a timeout. `broken`: they fail with the unchanged product.
 */
export type Shown = 'failed' | 'passed' | 'silent' | 'broken';

/** The files that a break changes, with their texts. @param read the text of a file below `src` */
export function brokenTexts({ breaks }: BrokenMust, read: (file: string) => string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, from, to } of breaks) {
    texts.set(
      file,
      (texts.get(file) ?? read(file)).replace(from, () => to),
    );
  }
  return texts;
}

/** The tests of a row to run, by file: those on real wires only if there is no other. */
export function proofsOf(row: BrokenMust): ReadonlyMap<string, readonly string[]> {
  const standing = DHCP_MUSTS.find((must) => keyOf(must) === keyOf(row))?.standing;
  const all: readonly Proof[] = standing === undefined || standing.kind === 'not-ours' ? [] : standing.tests;
  const quick = all.filter(({ file }) => !file.startsWith('test/e2e/'));
  const byFile = Map.groupBy(quick.length > 0 ? quick : all, ({ file }) => file);
  return new Map([...byFile].map(([file, proofs]) => [file, proofs.map(({ name }) => name)]));
}

/** A copy of the tree in which demands are broken. */
export class BrokenTree {
  readonly #tree = new CopiedTree('musts');
  /** Tests that pass with the product as it is. */
  readonly #sound = new Map<string, Promise<boolean>>();

  remove(): void {
    this.#tree.remove();
  }

  /** Breaks one demand, runs the tests of its row until one fails, and puts the product back. */
  async try(row: BrokenMust): Promise<Shown> {
    const proofs = proofsOf(row);
    for (const [file, names] of proofs) if (!(await this.#isSound(file, names))) return 'broken';
    const texts = brokenTexts(row, (file) => this.#tree.read(file));
    return this.#tree.changed(texts, async () => {
      let shown: Shown = 'passed';
      for (const [file, names] of proofs) {
        const { outcome, said } = await this.#run(file, names);
        if (outcome === 'failed' && said.includes("code: 'ERR_ASSERTION'")) return 'failed';
        if (outcome !== 'passed') shown = 'silent';
      }
      return shown;
    });
  }

  /** True if all these tests are there and pass. */
  #isSound(file: string, names: readonly string[]): Promise<boolean> {
    const key = [file, ...names].join('\n');
    const known = this.#sound.get(key);
    if (known !== undefined) return known;
    const sound = this.#run(file, names).then(
      ({ outcome, said }) => outcome === 'passed' && Number(/^# pass (\d+)$/m.exec(said)?.[1]) >= names.length,
    );
    this.#sound.set(key, sound);
    return sound;
  }

  #run(file: string, names: readonly string[]): Promise<Ran> {
    const patterns = names.map((name) => `--test-name-pattern=(^|\\s)${name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$`);
    return this.#tree.run(file.replace(/^test\//, ''), TEST_SECONDS_MAX, patterns);
  }
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const rows = MUST_BREAKS.filter((row) => words.every((word) => keyOf(row).includes(word)));
  const tree = new BrokenTree();
  try {
    for (const row of rows) {
      const shown = await tree.try(row);
      console.log(`${shown === 'failed' ? '✔' : '✖'} ${shown} ${keyOf(row)}`);
    }
  } finally {
    tree.remove();
  }
}
