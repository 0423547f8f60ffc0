// From nothing: on a bare Debian with the README's three packages an ordinary user clones the project, installs it with the distribution's Node
// and npm, watches the lab enlist its machine, and runs every test that such a host can run. With what every installed Debian has besides, the
// user takes the first steps on a network to a machine of QEMU.
// @host alone

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BARE_PACKAGES, bringBundle, enlistInLab } from '../support/bare-clone.ts';
import { BARE_ROOT_NEEDS, BareRoot } from '../support/bare-root.ts';
import { takeFirstSteps } from '../support/first-steps.ts';
import { missing } from '../support/needs.ts';

/** What every installed Debian has: sudo, ip and the programs of systemd that make users. */
const INSTALLED = ['sudo', 'iproute2', 'systemd'];
const MS_MAX = 1_700_000;
/** `npm test` takes half an hour of two processors, which others may use at the same time. */
const TESTS_MS_MAX = 3 * 3_600_000;
/** It runs on Node 18, and makes no `node_modules/.bin/node`, as the distributions' versions. */
const NEWER_NPM = '10.8.2';

for (const release of ['bookworm', 'trixie']) {
  describe(`a bare Debian ${release}`, {
    skip: missing(...BARE_ROOT_NEEDS, 'qemu-system-x86_64'),
    timeout: 2 * TESTS_MS_MAX,
  }, () => {
    let root: BareRoot;
    let began = 0;

    before(
      async () => {
        root = await BareRoot.make(release, [...BARE_PACKAGES, 'git']);
        bringBundle(root);
      },
      { timeout: MS_MAX },
    );
    after(() => root?.remove());

    test('npm ci installs the clone', async (t) => {
      t.diagnostic(
        `node ${(await root.run('node --version')).trim()}, npm ${(await root.run('npm --version')).trim()}`,
      );
      began = process.uptime();
      await root.run('git clone -q ~/rackboot.bundle rackboot');
      await root.run('cd rackboot && npm ci');
      t.diagnostic(`${Math.round(process.uptime() - began)} s from the clone to the end of npm ci`);
    });

    test('npm start enlists the machine of the lab', async (t) => {
      await enlistInLab(root);
      t.diagnostic(`${Math.round(process.uptime() - began)} s from the clone to New`);
    });

    test('npm test runs every test that this host can run, and all pass', { timeout: TESTS_MS_MAX }, async (t) => {
      // The end of the output names each failure.
      const said = await root.run('cd rackboot && npm test || true');
      const [end = ''] = /^\d+ passed, 0 failed, \d+ skipped, in .*$/m.exec(said) ?? [];
      assert.notEqual(end, '', said.slice(-4000));
      t.diagnostic(end);
    });

    test('the first steps of the documents, word for word, end with a machine that is New', async (t) => {
      root.runAsRoot('apt-get', '-q', 'update');
      root.runAsRoot('apt-get', '-qy', '--no-install-recommends', 'install', ...INSTALLED);
      const from = process.uptime();
      await takeFirstSteps(root, (line) => t.diagnostic(line));
      t.diagnostic(`${Math.round(process.uptime() - from)} s from the clone to New`);
    });

    test('a newer npm installs the clone as well, and npm start enlists the machine there', async () => {
      await root.run(`cd rackboot && rm -rf node_modules && npx --yes npm@${NEWER_NPM} ci`);
      assert.match(await root.run('cd rackboot && node bin/with-node.js --version'), /^v24\./m);
      await enlistInLab(root);
    });

    test('missing programs of power drivers are reported with their packages', async () => {
      const script =
        'import("./src/cli/machines/power-programs.ts").then((all) => console.log(all.missingProgramLines().join("\\n")))';
      const said = await root.run(`cd rackboot && node bin/with-node.js -e '${script}'`);
      assert.match(said, /driver ipmi needs ipmitool: sudo apt-get install ipmitool/);
      assert.match(said, /driver virsh needs virsh .*: sudo apt-get install libvirt-clients/);
    });
  });
}
