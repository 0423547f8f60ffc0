// Takes the steps of docs/first-machine.md in a bare root, from the clone to an enlisted machine. It reads the commands from the page, and runs
// them word for word. A network namespace has the page's interface `eth1`, on which QEMU boots the machine.

import { strict as assert } from 'node:assert';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BRIDGE, LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { commandsOf, partsOf, readDocument } from '../documents/markdown.ts';
import type { BareRoot } from './bare-root.ts';
import { endProgram, whileRunning } from './child.ts';
import { eventuallyWithin } from './eventually.ts';
import { specOf, tail, within } from './first-boot.ts';

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
export async function takeFirstSteps(root: BareRoot, tell: (line: string) => void): Promise<void> {
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
