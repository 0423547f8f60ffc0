// `node test/hostile/without.ts [words of an attack …]`: what the cases say of themselves is tried. In a copy of the tree the protection that a case
// shows is taken out (`changes.ts`), and the case is run: somebody who is not the attacker must then be without what they want.

import type { HostileCase } from './case.ts';
import { changedTexts, NO_SHARES } from './changes.ts';
import { CopiedTree } from './copied-tree.ts';
import { EVERY_CASE } from './every-case.ts';
import { fullName, NOT_SERVED } from './stand.ts';

/** With the site that is built first. */
const CASE_SECONDS_MAX = 240;
/** So much of the end of what it printed is told of a case that fails otherwise, in characters. */
const SAID_SHOWN = 4000;

/** Runs one case against a product without its protection. @returns why others are not served; undefined: they are. @throws Error when it fails otherwise */
export async function failureWithout(tree: CopiedTree, one: HostileCase): Promise<string | undefined> {
  const texts = changedTexts(one.withoutIt, (file) => tree.read(file));
  const only = `--test-name-pattern=^${RegExp.escape(fullName(one))}$`;
  const { outcome, said } = await tree.changed(texts, () => tree.run('hostile/each-case.ts', CASE_SECONDS_MAX, [only]));
  if (outcome === 'passed') return undefined;
  const [why] = new RegExp(`${NOT_SERVED}[^\\n]*`).exec(said) ?? [];
  if (why === undefined) throw new Error(`${one.attack} (${one.from}) fails otherwise:\n${said.slice(-SAID_SHOWN)}`);
  return why;
}

/** Tests of the doors that only the shares let pass: those of a file whose names have such words. */
export const BY_SHARES: readonly (readonly [test: string, words: RegExp])[] = [
  ['http/crowded.test.ts', /for a long file that nobody reads/],
  ['region/crowded.test.ts', /by 256 octets a second|large bod(?:y|ies).* (?:never end|waiting)|by one rack elsewhere/],
];

/** Runs a test file against a product that shares nothing out. @returns the tests with such words, and whether each passed */
export async function passedWithoutShares(
  tree: CopiedTree,
  [test, words]: (typeof BY_SHARES)[number],
): Promise<ReadonlyMap<string, boolean>> {
  const texts = changedTexts(NO_SHARES, (file) => tree.read(file));
  const { said } = await tree.changed(texts, () => tree.run(test, CASE_SECONDS_MAX));
  const found = [...said.matchAll(/^(not )?ok \d+ - (.*)$/gm)].map(
    ([, not, name = '']) => [name, not === undefined] as const,
  );
  return new Map(found.filter(([name]) => words.test(name)));
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const tree = new CopiedTree('without');
  try {
    for (const one of EVERY_CASE) {
      const name = `${one.attack} from ${one.from}`;
      if (words.length > 0 && !words.some((word) => word === name || word === one.attack)) continue;
      const from = process.uptime();
      const said = await failureWithout(tree, one).then(
        (why) => (why === undefined ? '✖ passes' : `✔ ${why}`),
        (error) => `✖ ${error}`,
      );
      console.log(`${name}, ${(process.uptime() - from).toFixed(0)} s: ${said}`);
    }
  } finally {
    tree.remove();
  }
}
