// `npm start`: a rack and a machine on this host's loopback, as any user. Nothing leaves the host, nothing needs a privilege, and
// Ctrl-C leaves nothing behind. The machine is simulated and says so; everything it talks to is real.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../clock.ts';
import { formatMac, ipv4 } from '../net/address.ts';
import { openNetwork } from '../net/open-network.ts';
import { DaemonProcess } from './daemon-process.ts';
import { MachineRunner } from './machine-runner.ts';
import { Narrator } from './narrator.ts';
import { enlistmentForm, simulatedHardware, uuidBytes } from './simulated-hardware.ts';
import { type MachineOutcome, SimulatedMachine } from './simulated-machine.ts';

/** Where the lab is: a network of loopback that only this host has. */
export const LAB = {
  rack: '127.77.0.1',
  network: '127.77.0.0/24',
  dynamicLow: '127.77.0.100',
  dynamicHigh: '127.77.0.199',
  /** From where an address-less machine broadcasts. */
  source: ipv4(0x7f4d00fe),
  dhcpServerPort: 6767,
  dhcpClientPort: 6868,
  tftpPort: 6969,
  dnsPort: 6053,
  httpPort: 5248,
  regionPort: 5240,
} as const;

const STAND_IN_LOADER_BYTES = 44_000;
const STAND_IN_KERNEL_BYTES = 8 * 1024 * 1024;
const STAND_IN_INITRD_BYTES = 6 * 1024 * 1024;

/** The lab's configuration file. */
export function labConfig(stateDir: string): string {
  return [
    'name: lab',
    `state_dir: ${JSON.stringify(stateDir)}`,
    'cluster_interfaces:',
    '  - name: lab',
    '    interface: lo',
    '    management: 2',
    `    ip: ${LAB.rack}`,
    `    network: ${LAB.network}`,
    `    ip_range_low: ${LAB.dynamicLow}`,
    `    ip_range_high: ${LAB.dynamicHigh}`,
    `dhcp: { server_port: ${LAB.dhcpServerPort}, client_port: ${LAB.dhcpClientPort} }`,
    `tftp: { listen_port: ${LAB.tftpPort} }`,
    `dns: { listen: [${LAB.rack}], listen_port: ${LAB.dnsPort} }`,
    `boot: { http: { listen: ["${LAB.rack}:${LAB.httpPort}"] } }`,
    `region: { listen: ["127.0.0.1:${LAB.regionPort}"] }`,
    '',
  ].join('\n');
}

/** Fills a tree with stand-ins for what a simulated machine loads and never runs. */
export function makeStandInTree(tree: string): void {
  const images = join(tree, 'amd64', 'generic', 'bookworm', 'commissioning');
  mkdirSync(images, { recursive: true });
  writeFileSync(join(tree, 'lpxelinux.0'), standIn('loader', STAND_IN_LOADER_BYTES));
  writeFileSync(join(images, 'linux'), standIn('kernel', STAND_IN_KERNEL_BYTES));
  writeFileSync(join(images, 'initrd.gz'), standIn('initrd', STAND_IN_INITRD_BYTES));
}

/** Bytes that are the same each time and tell one place from another. */
function standIn(name: string, bytes: number): Buffer {
  const block = createHash('sha512').update(`stand-in ${name}`).digest();
  return Buffer.alloc(bytes, block);
}

/** Runs the lab until `until` settles (Ctrl-C). @returns what became of the machine. */
export async function runSafeLab(until: Promise<void>): Promise<MachineOutcome | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-lab-'));
  const narrator = new Narrator(systemClock);
  let daemon: DaemonProcess | undefined;
  try {
    makeStandInTree(join(directory, 'boot'));
    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, labConfig(directory));
    narrator.tell('lab', 'A safe lab on loopback: a real rack, and one simulated machine.');
    daemon = await DaemonProcess.start({ config, onLine: (line) => narrator.tellLog(line) });
    const outcome = await Promise.race([bootSimulatedMachine(narrator, 0), until]);
    if (outcome !== undefined) {
      narrator.tell('lab', summaryOf(outcome));
      narrator.tell(
        'lab',
        `See it at http://127.0.0.1:${LAB.regionPort}/MAAS/ . Ctrl-C ends the lab and removes everything.`,
      );
      await until;
    }
    return outcome ?? undefined;
  } finally {
    await daemon?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Boots the `index`th simulated machine and waits until it is off. */
export async function bootSimulatedMachine(narrator: Narrator, index: number): Promise<MachineOutcome> {
  const hardware = simulatedHardware(index);
  const machine = new SimulatedMachine({
    mac: hardware.mac,
    uuid: uuidBytes(hardware.uuid),
    architecture: 0,
    enlistmentForm: (bootMac) => enlistmentForm(hardware, bootMac),
    seed: Buffer.from(systemClock.randomBytes(4)).readUInt32BE(0),
  });
  const network = await openNetwork();
  const name = `simulated ${formatMac(hardware.mac)}`;
  try {
    const runner = new MachineRunner(machine, {
      network,
      clock: systemClock,
      device: 'lo',
      source: LAB.source,
      dhcpServerPort: LAB.dhcpServerPort,
      dhcpClientPort: LAB.dhcpClientPort,
      tftpPort: LAB.tftpPort,
      onStep: (step) => narrator.tell('machine', `${name} ${step.text}`),
    });
    return await runner.run();
  } finally {
    await network.close();
    // Lines of the daemon that are still on the way belong before what is told next.
    await sleep(100);
  }
}

export function summaryOf(outcome: MachineOutcome): string {
  switch (outcome.kind) {
    case 'enlisted':
      return `The machine is enlisted: the region knows it as ${outcome.systemId}, status New.`;
    case 'local-boot':
      return 'The machine was told to boot its own disk.';
    case 'powered-off':
      return 'The machine was told to power off.';
    case 'failed':
      return `The machine failed: ${outcome.reason}`;
  }
}
