// From nothing: on a bare Debian an ordinary user clones the project, installs it with the distribution's Node and npm, watches the lab enlist
// its machine, and takes the first steps on a network to a machine of QEMU; what checks and tests it runs there, too.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BARE_ROOT_NEEDS, BareRoot } from '../support/bare-root.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { takeFirstSteps } from '../support/first-steps.ts';
import { missing } from '../support/needs.ts';

const ROOT = dirname(dirname(import.meta.dirname));
/** All that the README says to install, git, and what every installed Debian has: sudo, ip and the programs of systemd that make users. */
const PACKAGES = ['nodejs', 'npm', 'ca-certificates', 'git', 'sudo', 'iproute2', 'systemd'];
const MS_MAX = 1_700_000;
const ENLISTED_MS_MAX = 300_000;
/** One file of tests that needs nothing of the host. */
const UNIT = 'test/dns/name.test.ts';

for (const release of ['bookworm', 'trixie']) {
  describe(`a bare Debian ${release}`, {
    skip: missing(...BARE_ROOT_NEEDS, 'qemu-system-x86_64'),
    timeout: MS_MAX,
  }, () => {
    let root: BareRoot;
    let began = 0;

    before(
      async () => {
        root = await BareRoot.make(release, PACKAGES);
        const bundle = join(root.home, 'rackboot.bundle');
        // The commit that is checked out, as a server would give it.
        execFileSync('git', ['-C', ROOT, 'bundle', 'create', bundle, 'HEAD'], { stdio: 'pipe' });
        chmodSync(bundle, 0o644);
      },
      { timeout: MS_MAX },
    );
    after(() => root?.remove());

    test('npm ci installs the clone', { timeout: MS_MAX }, async (t) => {
      t.diagnostic(
        `node ${(await root.run('node --version')).trim()}, npm ${(await root.run('npm --version')).trim()}`,
      );
      began = process.uptime();
      await root.run('git clone -q ~/rackboot.bundle rackboot');
      await root.run('cd rackboot && npm ci');
      t.diagnostic(`${Math.round(process.uptime() - began)} s from the clone to the end of npm ci`);
    });

    test('npm start enlists the machine of the lab', { timeout: MS_MAX }, async (t) => {
      const lab = root.start('cd rackboot && exec npm start', { alone: true });
      try {
        const isNew = (): boolean => / is enlisted: .* as New$/m.test(lab.text());
        await whileRunning(lab.child, eventuallyWithin(ENLISTED_MS_MAX, 'the machine is New', isNew), lab.text);
        t.diagnostic(`${Math.round(process.uptime() - began)} s from the clone to New`);
        assert.doesNotMatch(lab.text(), /ERR_|a bug:/);
      } finally {
        await endProgram(lab.child, 'SIGKILL');
      }
    });

    test('the first steps of the documents, word for word, end with a machine that is New', {
      timeout: MS_MAX,
    }, async (t) => {
      const from = process.uptime();
      await takeFirstSteps(root, (line) => t.diagnostic(line));
      t.diagnostic(`${Math.round(process.uptime() - from)} s from the clone to New`);
    });

    test('npm run check passes', { timeout: MS_MAX }, async () => {
      await root.run('cd rackboot && npm run check');
    });

    test('a file of tests runs by the entry of the scripts', { timeout: MS_MAX }, async () => {
      assert.match(await root.run(`cd rackboot && node bin/with-node.js --test ${UNIT}`), /^. pass [1-9]/m);
    });

    test('what is missing for the drivers of power is said with its packages', { timeout: MS_MAX }, async () => {
      const script =
        'import("./src/cli/power-programs.ts").then((all) => console.log(all.missingProgramLines().join("\\n")))';
      const said = await root.run(`cd rackboot && node bin/with-node.js -e '${script}'`);
      assert.match(said, /driver ipmi needs ipmitool: sudo apt-get install ipmitool/);
      assert.match(said, /driver virsh needs virsh .*: sudo apt-get install libvirt-clients/);
    });
  });
}
