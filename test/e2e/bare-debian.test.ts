// The README's first two commands on a bare Debian 12, as an ordinary user with the distribution's Node and npm: the machine of the lab becomes
// New. `long/from-nothing.test.ts` goes on from there, on Debian 13 as well.
// @host waits

import { after, before, describe, test } from 'node:test';
import { BARE_PACKAGES, bringFiles, enlistInLab } from '../support/bare-clone.ts';
import { BARE_ROOT_NEEDS, BareRoot } from '../support/bare-root.ts';
import { missing } from '../support/needs.ts';

const MS_MAX = 300_000;

describe('a bare Debian 12', { skip: missing(...BARE_ROOT_NEEDS), timeout: 2 * MS_MAX }, () => {
  let root: BareRoot;

  before(
    async () => {
      root = await BareRoot.make('bookworm', BARE_PACKAGES);
      await bringFiles(root);
    },
    { timeout: MS_MAX },
  );
  after(() => root?.remove());

  test('npm ci && npm start ends with a machine that is New', { timeout: MS_MAX }, async () => {
    await root.run('cd rackboot && npm ci');
    await enlistInLab(root);
  });
});
