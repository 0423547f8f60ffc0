// `node bin/with-node.js test/hostile/without.ts [words of an attack …]` checks that each case really tests its protection. In a copy of the tree, the protection is
// taken out (`changes.ts`) and the case is run: a bystander must then not get what it wants.

import { errorText } from '../../src/errors.ts';
import { CopiedTree } from '../support/copied-tree.ts';
import type { HostileCase } from './case.ts';
import { changedTexts, NO_SHARES } from './changes.ts';
import { EVERY_CASE } from './every-case.ts';
import { HostileSite } from './site.ts';
import { NOT_SERVED, stand } from './stand.ts';
import { WANTS, type Want } from './wants.ts';

/** A file of tests of a door, with its preparation. */
const FILE_SECONDS_MAX = 240;

/** A site whose rack runs a changed copy of the product. */
export class UnprotectedSite {
  readonly tree = new CopiedTree('without');
  readonly #site: HostileSite;

  private constructor(site: HostileSite) {
    this.#site = site;
  }

  static async open(): Promise<UnprotectedSite> {
    const site = await HostileSite.open();
    await site.keepState();
    return new UnprotectedSite(site);
  }

  async close(): Promise<void> {
    await this.#site.close();
    this.tree.remove();
  }

  /**
   * Runs one case against a rack without its protection, which serves every client while there is no attack.
   * @returns why others are not served; undefined: they are. @throws Error when it fails otherwise
   */
  failureWithout(one: HostileCase): Promise<string | undefined> {
    const texts = changedTexts(one.withoutIt, (file) => this.tree.read(file));
    return this.tree.changed(texts, async () => {
      await this.#site.begin(this.tree.main);
      for (const want of Object.keys(one.others) as Want[]) await WANTS[want](this.#site);
      try {
        await stand(this.#site, [one], { rounds: 1, factor: 1, lateMax: 1 });
        return undefined;
      } catch (error) {
        const [why] = new RegExp(`${NOT_SERVED}[^\\n]*`).exec(errorText(error)) ?? [];
        if (why === undefined) throw new Error(`${one.attack} (${one.from}) fails otherwise`, { cause: error });
        return why;
      }
    });
  }
}

/** Tests of the doors that only the shares let pass: those of a file whose names have one of these parts. */
export const BY_SHARES: readonly (readonly [test: string, parts: readonly string[]])[] = [
  ['http/crowded.test.ts', ['for a long file that they do not read']],
  [
    'region/http/crowded.test.ts',
    ['by 256 octets a second', 'large bodies that never end', 'one rack that claims many networks'],
  ],
];

/** Runs a test file against a product that shares nothing out. @returns the tests with such names, and whether each passed */
export async function passedWithoutShares(
  tree: CopiedTree,
  [test, parts]: (typeof BY_SHARES)[number],
): Promise<ReadonlyMap<string, boolean>> {
  const texts = changedTexts(NO_SHARES, (file) => tree.read(file));
  const { said } = await tree.changed(texts, () => tree.run(test, FILE_SECONDS_MAX));
  const found = [...said.matchAll(/^(not )?ok \d+ - (.*)$/gm)].map(
    ([, not, name = '']) => [name, not === undefined] as const,
  );
  return new Map(found.filter(([name]) => parts.some((part) => name.includes(part))));
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const site = await UnprotectedSite.open();
  try {
    for (const one of EVERY_CASE) {
      const name = `${one.attack} from ${one.from}`;
      if (words.length > 0 && !words.some((word) => word === name || word === one.attack)) continue;
      const from = process.uptime();
      const said = await site.failureWithout(one).then(
        (why) => (why === undefined ? '✖ passes' : `✔ ${why}`),
        (error) => `✖ ${error}`,
      );
      console.log(`${name}, ${(process.uptime() - from).toFixed(0)} s: ${said}`);
    }
  } finally {
    await site.close();
  }
}
