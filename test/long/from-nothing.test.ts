// From nothing: on a bare Debian with the README's three packages an ordinary user clones the project, installs it with the distribution's Node
// and npm, watches the lab enlist its machine, and runs every test that such a host can run. With what every installed Debian has besides, the
// user takes the first steps on a network to a machine of QEMU.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BRIDGE, LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { commandsOf, partsOf, readDocument } from '../documents/markdown.ts';
import { BARE_ROOT_NEEDS, BareRoot } from '../support/bare-root.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { specOf, tail, within } from '../support/first-boot.ts';
import { missing } from '../support/needs.ts';

const PAGE = 'docs/first-machine.md';
const SECTIONS = ['Install the rack', 'Configure it', 'Start it'];
const CHECKOUT = '/opt/rackboot';
/** The commands that fetch packages use the host's network. All others use the namespace's. */
const FETCHES = /^npm ci$|\bimages build$/;
/** The root has no init: the page names a command that does the same. */
const OF_AN_INIT = /systemctl /;
const WITHOUT_AN_INIT = 'sudo rackboot run';
const SERVED_MS_MAX = 60_000;
const MACHINE = {
  name: 'first',
  firmware: 'bios',
  nic: 'virtio-net-pci',
  memoryMib: 768,
  cpus: 1,
  diskBytes: 1024 ** 3,
  loaders: '{}',
  boots: 1,
} as const;

/** The page's command that clones the repository, with the bundle in place of REPOSITORY. */
function fetchStep(): string {
  const [, ...sections] = readDocument(PAGE).split(/^## /m);
  const section =
    sections.find((text) => text.startsWith('Get it\n')) ?? assert.fail(`${PAGE} does not say how to get it`);
  const found = partsOf(section)
    .flatMap((part) => (part.kind === 'block' && part.language === 'sh' ? commandsOf(part) : []))
    .find(({ command }) => command.includes('git clone REPOSITORY'));
  assert.ok(found !== undefined, `${PAGE} has no git clone`);
  return found.command.replace('git clone REPOSITORY', 'git clone -q ~/rackboot.bundle');
}

/** The commands of the page's sections, in order. */
function steps(): string[] {
  const [, ...sections] = readDocument(PAGE).split(/^## /m);
  return SECTIONS.flatMap((title) => {
    const section = sections.find((text) => text.startsWith(`${title}\n`)) ?? assert.fail(`${PAGE} has no ${title}`);
    return partsOf(section).flatMap((part) => {
      const isShell = part.kind === 'block' && /^(console|sh)$/.test(part.language);
      return isShell ? commandsOf(part).map(({ command }) => command) : [];
    });
  });
}

/** Takes the steps in a root with a bundle of the project in the user's home. @param tell receives each command and its output */
async function takeFirstSteps(root: BareRoot, tell: (line: string) => void): Promise<void> {
  const directory = join(root.home, '..', 'machine');
  mkdirSync(directory, { recursive: true });
  const namespace = LabNamespace.create(`rb-steps-${process.pid}`, '10.20.0.1', 24);
  // Another host makes the carrier of the interface, as a switch would.
  namespace.addHost('other', '52:54:00:10:20:02');
  const machine = new VirtualMachine(specOf(MACHINE, 0, directory), namespace);
  let daemon: ReturnType<BareRoot['start']> | undefined;
  const run = async (command: string): Promise<string> => {
    const surroundings = FETCHES.test(command) ? {} : { network: namespace.name };
    const printed = await root.run(`cd ${CHECKOUT} && ${command}`, surroundings);
    tell(`$ ${command}\n${printed}`);
    return printed;
  };
  try {
    for (const words of [`link set ${BRIDGE} down`, `link set ${BRIDGE} name eth1`, 'link set eth1 up'])
      namespace.ip(...words.split(' '));
    root.allowSudo();
    // As every installed Debian.
    root.runAsRoot('systemd-machine-id-setup');
    await root.run(fetchStep());
    await root.run(`cd ${CHECKOUT} && echo a-password-of-the-test > password`);
    for (const command of steps()) {
      if (!OF_AN_INIT.test(command)) {
        const printed = await run(command);
        if (command === 'sudo rackboot doctor') assert.match(printed, /^All is well\.$/m);
        continue;
      }
      const started = root.start(`cd ${CHECKOUT} && exec ${WITHOUT_AN_INIT}`, { network: namespace.name });
      daemon = started;
      const isServing = (): boolean => /"event":"interface\.serving"|eth1 .*is served/.test(started.text());
      await whileRunning(
        started.child,
        eventuallyWithin(SERVED_MS_MAX, 'the rack serves', isServing),
        started.text,
      ).catch((error: unknown) => assert.fail(`${String(error)}: ${started.text()}`));
    }
    assert.equal(await within(machine), 0, `it powered itself off\n${tail(machine)}`);
    assert.match(await run('sudo rackboot machines list'), / New +amd64\/generic /);
  } finally {
    await machine.kill();
    if (daemon !== undefined) await endProgram(daemon.child, 'SIGKILL');
    namespace.remove();
  }
}

const ROOT = dirname(dirname(import.meta.dirname));
/** The packages that the README says to install. */
const BARE_PACKAGES: readonly string[] = ['nodejs', 'npm', 'ca-certificates'];
const ENLISTED_MS_MAX = 300_000;

/** Puts the checked-out commit into the user's home as `rackboot.bundle`, for git to clone. */
function bringBundle(root: BareRoot): void {
  const bundle = join(root.home, 'rackboot.bundle');
  execFileSync('git', ['-C', ROOT, 'bundle', 'create', bundle, 'HEAD'], { stdio: 'pipe' });
  chmodSync(bundle, 0o644);
}

/** Watches `npm start` in `rackboot` of the user's home until the machine of the lab is New. */
async function enlistInLab(root: BareRoot): Promise<void> {
  const lab = root.start('cd rackboot && exec npm start', { alone: true });
  try {
    const isNew = (): boolean => / is enlisted: .* as New$/m.test(lab.text());
    await whileRunning(lab.child, eventuallyWithin(ENLISTED_MS_MAX, 'the machine is New', isNew), lab.text);
    assert.doesNotMatch(lab.text(), /ERR_|a bug:/);
  } finally {
    await endProgram(lab.child, 'SIGKILL');
  }
}

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
