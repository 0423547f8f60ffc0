// `npm start`: a rack and a machine on this host's loopback, by any user. Nothing leaves the host, nothing needs a privilege, and
// Ctrl-C leaves nothing behind. The machine is simulated and says so; everything it talks to is real.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../clock.ts';
import { formatIpv4, formatMac, type Ipv4, ipv4 } from '../net/address.ts';
import { openNetwork } from '../net/open-network.ts';
import { createAdmin, keyPart } from '../region/accounts.ts';
import { openRegionStore } from '../store/region-sqlite.ts';
import { DaemonProcess } from './daemon-process.ts';
import type { MachineOutcome, MachineStep } from './machine-actions.ts';
import { MachineRunner } from './machine-runner.ts';
import { Narrator } from './narrator.ts';
import { enlistmentForm, simulatedHardware, uuidBytes } from './simulated-hardware.ts';
import { SimulatedMachine } from './simulated-machine.ts';

/** Where a lab is: a network of loopback, which only this host has, and high ports. */
export interface LabPlace {
  /** `127.77.0`: the network's first three octets. */
  readonly octets: string;
  /** From where a machine without address broadcasts. */
  readonly source: Ipv4;
  readonly dhcpServerPort: number;
  readonly dhcpClientPort: number;
  readonly tftpPort: number;
  readonly dnsPort: number;
  readonly httpPort: number;
  readonly regionPort: number;
}

/** The `index`th place, 0 to 99: places share neither a network nor a port, so labs run beside each other. */
export function labPlace(index: number): LabPlace {
  return {
    octets: `127.${77 + index}.0`,
    source: ipv4(0x7f4d00fe + index * 0x10000),
    dhcpServerPort: 6767 + index,
    dhcpClientPort: 6868 + index,
    tftpPort: 6969 + index,
    dnsPort: 6053 + index,
    httpPort: index === 0 ? 5248 : 15_248 + index,
    regionPort: index === 0 ? 5240 : 15_040 + index,
  };
}

const LAB_PASSWORD_CHARACTERS = 10;
const STAND_IN_LOADER_BYTES = 44_000;
const STAND_IN_KERNEL_BYTES = 8 * 1024 * 1024;
const STAND_IN_INITRD_BYTES = 6 * 1024 * 1024;

/** The lab's configuration file. */
export function labConfig(place: LabPlace, stateDir: string): string {
  return [
    'name: lab',
    `state_dir: ${JSON.stringify(stateDir)}`,
    'cluster_interfaces:',
    '  - name: lab',
    '    interface: lo',
    '    management: 2',
    `    ip: ${place.octets}.1`,
    `    network: ${place.octets}.0/24`,
    `    ip_range_low: ${place.octets}.100`,
    `    ip_range_high: ${place.octets}.199`,
    `dhcp: { server_port: ${place.dhcpServerPort}, client_port: ${place.dhcpClientPort} }`,
    `tftp: { listen_port: ${place.tftpPort} }`,
    `dns: { listen: [${place.octets}.1], listen_port: ${place.dnsPort} }`,
    `boot: { http: { listen: ["${place.octets}.1:${place.httpPort}"] } }`,
    `region: { listen: ["127.0.0.1:${place.regionPort}"] }`,
    `metrics: { listen: ["${place.octets}.1:5249"] }`,
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
  const place = labPlace(0);
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-lab-'));
  const narrator = new Narrator(systemClock);
  let daemon: DaemonProcess | undefined;
  try {
    const stateDir = join(directory, 'state');
    makeStandInTree(join(stateDir, 'boot'));
    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, labConfig(place, stateDir));
    const password = await makeLabAccount(stateDir);
    narrator.tell('lab', 'A safe lab on loopback: a real rack, and one simulated machine.');
    daemon = await DaemonProcess.start({ config, onLine: (line) => narrator.tellLog(line) });
    const name = `simulated ${formatMac(simulatedHardware(0).mac)}`;
    const tellStep = (step: MachineStep): void => narrator.tell('machine', `${name} ${step.text}`);
    const outcome = await runMachine(place, 0, tellStep, until);
    if (outcome !== undefined) {
      // Lines of the daemon that are still on the way belong before what is told next.
      await sleep(100);
      narrator.tell('lab', summaryOf(outcome));
      narrator.tell(
        'lab',
        `See it at http://127.0.0.1:${place.regionPort}/MAAS/ ; to act there, sign in as \`lab\` with the password \`${password}\`. ` +
          'Ctrl-C ends the lab and removes everything.',
      );
      await until;
    }
    return outcome ?? undefined;
  } finally {
    await daemon?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Makes the lab's administrator, `lab`. @returns their password, another one in each lab */
async function makeLabAccount(stateDir: string): Promise<string> {
  const store = openRegionStore({ stateDir });
  try {
    const password = keyPart(systemClock, LAB_PASSWORD_CHARACTERS);
    await createAdmin(store, systemClock, { username: 'lab', email: '', password });
    return password;
  } finally {
    store.close();
  }
}

/** Boots the `index`th simulated machine in a lab and waits until it is off; each of its steps is told to `onStep`. */
export async function bootSimulatedMachine(
  place: LabPlace,
  index: number,
  onStep: (step: MachineStep) => void,
): Promise<MachineOutcome> {
  return runMachine(place, index, onStep, new Promise<never>(() => undefined));
}

/** As `bootSimulatedMachine`; undefined when `until` settled first, and the machine was unplugged. */
async function runMachine<Unplugged>(
  place: LabPlace,
  index: number,
  onStep: (step: MachineStep) => void,
  until: Promise<Unplugged>,
): Promise<MachineOutcome | Unplugged> {
  const hardware = simulatedHardware(index);
  const machine = new SimulatedMachine({
    mac: hardware.mac,
    uuid: uuidBytes(hardware.uuid),
    architecture: 0,
    enlistmentForm: (bootMac) => enlistmentForm(hardware, bootMac),
    seed: Buffer.from(systemClock.randomBytes(4)).readUInt32BE(0),
  });
  const network = await openNetwork();
  const runner = new MachineRunner(machine, { ...place, network, clock: systemClock, device: 'lo', onStep });
  try {
    return await Promise.race([runner.run(), until]);
  } finally {
    await runner.close();
    await network.close();
  }
}

/** What became of a machine, for a person. */
export function summaryOf(outcome: MachineOutcome): string {
  switch (outcome.kind) {
    case 'enlisted':
      return `The machine is enlisted: the region knows it as ${outcome.systemId}, status New.`;
    case 'queued':
      return 'The machine reported itself; the rack keeps the report until the region is back.';
    case 'local-boot':
      return 'The machine was told to boot its own disk.';
    case 'worked':
      return `The machine did what it was told: ${outcome.job}.`;
    case 'system-up':
      return `The system of the machine is up at ${formatIpv4(outcome.address)}.`;
    case 'powered-off':
      return 'The machine was told to power off.';
    case 'failed':
      return `The machine failed: ${outcome.reason}`;
  }
}
