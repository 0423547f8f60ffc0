// The main job for real: a virtual machine with a blank disk and the network first in its boot order powers on next to a running
// rack, is enlisted, and powers off. Firmware, loaders, kernel, sockets and databases are real.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { cachedBootTree, type TreeContent } from '../../src/lab/boot-tree.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { BRIDGE, LabNamespace } from '../../src/lab/namespace.ts';
import { type Firmware, VirtualMachine, type VirtualMachineSpec } from '../../src/lab/virtual-machine.ts';
import { makeAuthority, RSA_KEY } from './authority.ts';
import { bootTreeNeeds } from './boot-tree-needs.ts';
import { trustArguments } from './firmware-trust.ts';
import { consoleOf } from './machine-console.ts';
import { missing, type Need } from './needs.ts';

const traceShape = z.looseObject({
  steps: z.array(
    z.looseObject({
      boot: z.number(),
      kind: z.string(),
      text: z.string(),
      fields: z.looseObject({
        file: z.string().optional(),
        purpose: z.string().optional(),
        status: z.unknown().optional(),
      }),
    }),
  ),
});
type Step = z.infer<typeof traceShape>['steps'][number];

const sent = (step: Step, file: RegExp): boolean =>
  /^(?:tftp\.sent|http\.file-sent)$/.test(step.kind) && file.test(step.fields.file ?? '');

const LOADED: readonly Station[] = [
  ['the kernel', (step) => sent(step, /\/linux$/)],
  ['the initrd', (step) => sent(step, /\/initrd(?:\.gz)?$/)],
];

type Station = readonly [string, (step: Step) => boolean];

/** The stations of a first boot. U-Boot loads the initrd before the kernel. */
const stationsWith = (taken: AddressTaken, initrdFirst: boolean): readonly Station[] => [
  ['an offer', ({ kind }) => kind === 'dhcp.offer'],
  ['an address', ({ kind }) => kind === taken],
  ['a configuration that enlists', ({ fields }) => fields.purpose === 'enlist'],
  ...(initrdFirst ? LOADED.toReversed() : LOADED),
  ['the address of the system that runs', ({ kind }) => kind === taken],
  ['the report', ({ kind, fields }) => kind === 'http.posted' && fields.status === 200],
];

/** From this rack, or from another DHCP server. */
type AddressTaken = 'dhcp.ack' | 'dhcp.elsewhere';

/** Checks the trace of a machine that has booted once, and was enlisted by it. */
async function checkTrace(
  stateDir: string,
  mac: string,
  taken: AddressTaken = 'dhcp.ack',
  initrdFirst = false,
): Promise<void> {
  const { steps } = traceShape.parse(await askDaemon(stateDir, `/trace?machine=${mac}`));
  const reported = steps.map(({ boot, kind, text }) => `${boot} ${kind}: ${text}`).join('\n');
  let from = 0;
  for (const [name, isThere] of stationsWith(taken, initrdFirst)) {
    const at = steps.findIndex((step, index) => index >= from && isThere(step));
    assert.notEqual(at, -1, `${name}, in its place:\n${reported}`);
    from = at + 1;
  }
  assert.ok(
    steps.every(({ boot }) => boot === 1),
    `it is one boot:\n${reported}`,
  );
  // A busy host may well be late to hear the first DISCOVER.
  const hints = steps.filter(({ kind, fields }) => kind === 'boot.hint' && fields.hint !== 'asked-before-heard');
  assert.equal(hints.length, 0, `nothing is wrong with it:\n${reported}`);
}

const NEEDS: readonly Need[] = [
  ...(['linux', 'root', 'ip', 'qemu-system-x86_64', '/usr/share/OVMF/OVMF_CODE_4M.fd'] as const),
  ...(['curl', 'dig', 'dnsmasq'] as const),
];
const BOOT_MS_MAX = 600_000;
export const GIB = 1024 ** 3;

/** One machine, and how it must boot. */
export interface BootCase {
  readonly name: string;
  readonly firmware: Firmware;
  readonly nic: VirtualMachineSpec['nic'];
  readonly memoryMib: number;
  readonly cpus: number;
  readonly diskBytes: number;
  /** boot.loaders of the configuration. */
  readonly loaders: string;
  /** The rack has a certificate for HTTPS boot; `trusted`: the firmware trusts its authority. Default: none. */
  readonly https?: 'trusted';
  /** A processor of 32 bits. Default: 64. */
  readonly qemu32?: boolean;
  /** Boot twice more: once as New, once as Broken. */
  readonly boots: 1 | 3;
}

/** The common fields of a list of machines. */
interface BootCaseTerms {
  /** Of all of them. Default: amd64. */
  readonly content?: TreeContent;
  /** The host's needs beyond those for amd64 machines. */
  readonly needs?: readonly Need[];
  /** Another server, dnsmasq, gives the addresses, and the rack is in proxy mode. Default: the rack gives them. */
  readonly proxied?: boolean;
  /** Brings an installer into a copy of the tree, by which the machines enlist. Default: none. */
  readonly importInstaller?: (tree: string, namespace: LabNamespace) => Promise<void>;
}

/** Tests that each of these machines is enlisted, with every fact right. */
export function testFirstBoots(cases: readonly BootCase[], terms: BootCaseTerms = {}): void {
  const { content = 'amd64', needs = [], proxied = false } = terms;
  const skip = missing(...NEEDS, ...needs, ...bootTreeNeeds(content));
  const alongside = proxied ? ' alongside another DHCP server' : '';
  describe(`an unknown machine (${content}) boots from the network${alongside} and is enlisted`, { skip }, () =>
    boots(cases, { ...terms, content, proxied }),
  );
}

function boots(
  cases: readonly BootCase[],
  { content, proxied, importInstaller }: BootCaseTerms & { readonly content: TreeContent; readonly proxied: boolean },
): void {
  let directory = '';
  let namespace: LabNamespace;
  let addressServer: ReturnType<LabNamespace['spawn']> | undefined;
  let outside: ReturnType<LabNamespace['spawn']> | undefined;
  let tree = '';

  before(async () => {
    tree = await cachedBootTree(() => undefined, content);
    directory = mkdtempSync(join(tmpdir(), 'rackboot-e2e-'));
    namespace = LabNamespace.create(`rb-first-${process.pid}`, '10.77.0.1', 24);
    namespace.ip('address', 'add', '192.0.2.53/32', 'dev', 'lo');
    // The outside world's name server.
    outside = namespace.spawn(
      'dnsmasq',
      [
        '--keep-in-foreground',
        '--no-resolv',
        '--no-hosts',
        '--conf-file=/dev/null',
        '--pid-file=',
        '--bind-interfaces',
        '--listen-address=192.0.2.53',
        '--address=/outside.example/198.51.100.7',
      ],
      { stdio: 'ignore' },
    );
    if (importInstaller !== undefined) {
      const copy = join(directory, 'tree');
      cpSync(tree, copy, { recursive: true });
      tree = copy;
      await importInstaller(tree, namespace);
    }
    if (proxied) addressServer = startAddressServer(namespace, directory);
  });
  after(() => {
    outside?.kill('SIGKILL');
    addressServer?.kill('SIGKILL');
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  cases.forEach((each, index) => {
    test(each.name, async () => {
      const stateDir = join(directory, `state-${index}`);
      const config = join(directory, `rackboot-${index}.yaml`);
      const isInstaller = content.endsWith('-installer') || importInstaller !== undefined;
      const enlistWith = isInstaller ? ', enlist_with: installer' : '';
      const https = each.https === undefined ? undefined : secureBoot(directory);
      const text = configText(stateDir, tree, each, `${enlistWith}${https?.boot ?? ''}`, proxied);
      writeFileSync(config, `${text}log: { levels: { net: debug } }\n`);
      const lines: LogLine[] = [];
      const daemon = await DaemonProcess.start({ config, namespace, onLine: (line) => lines.push(line) });
      const spec = specOf(each, index, directory);
      const further = [...(spec.furtherArguments ?? []), ...(https?.further ?? [])];
      const machine = new VirtualMachine({ ...spec, furtherArguments: further }, namespace);
      try {
        assert.equal(await within(machine), 0, `it powered itself off\n${tail(machine)}`);
        const enlisted = await theMachine(stateDir);
        checkFacts(enlisted, each, machine.spec);
        if (each.firmware === 'bios') checkNotKeptWaiting(lines, machine.spec.mac);
        await checkVouched(stateDir, enlisted.system_id);
        await checkLease(stateDir, machine.spec.mac, proxied);
        await checkTrace(stateDir, machine.spec.mac, proxied ? 'dhcp.elsewhere' : 'dhcp.ack', isUBoot(each.firmware));
        if (https !== undefined) checkLoadedSecurely(lines);
        // The kernel says so on ARM, before it starts.
        if (each.firmware.endsWith('secure-arm64')) assert.match(consoleOf(machine), /UEFI Secure Boot is enabled/);
        checkNames(namespace.name, enlisted, await addressOf(stateDir, machine.spec.mac, proxied));

        if (each.boots === 3) await bootAgain(machine, stateDir, lines, enlisted.system_id);
      } finally {
        await machine.kill();
        await daemon.stop();
      }
    });
  });
}

/** A certificate of the rack, and firmware that trusts it. */
function secureBoot(directory: string): { readonly boot: string; readonly further: readonly string[] } {
  const authority = makeAuthority(directory, Date.now(), { newKey: RSA_KEY, names: 'IP:10.77.0.1' });
  const { cert, key } = authority.issue('rack');
  return {
    boot: `, http: { tls: { cert: ${cert}, key: ${key} } }`,
    further: trustArguments(authority.caFile, directory),
  };
}

/** The firmware got no other URL of the loader than this, and loaded it. */
function checkLoadedSecurely(lines: readonly LogLine[]): void {
  const offered = lines.flatMap(({ event, client, file }) =>
    event === 'dhcp.ack' && client === 'uefi-http' ? [String(file)] : [],
  );
  assert.match(offered[0] ?? '', /^https:\/\/10\.77\.0\.1\/boot\w+\.efi$/);
  assert.ok(lines.some(({ event, file }) => event === 'http.file-sent' && /^\/boot\w+\.efi$/.test(String(file))));
}

/** QEMU's ROM is iPXE, which waits about 16 s for an IPv6 router on a network without one, unless the rack says that there is none. */
function checkNotKeptWaiting(lines: readonly LogLine[], mac: string): void {
  assert.ok(
    lines.some((line) => line.event === 'net.router-answered' && line.mac === mac),
    'iPXE was told that there is no IPv6 router',
  );
}

/** The status of a known machine decides what it gets. */
async function bootAgain(machine: VirtualMachine, stateDir: string, lines: LogLine[], systemId: string): Promise<void> {
  lines.length = 0;
  assert.equal(await within(machine), 0, `it powered itself off again\n${tail(machine)}`);
  const again = await theMachine(stateDir);
  assert.deepEqual([again.system_id, again.status_name], [systemId, 'New'], 'a New machine reports itself again');
  assert.ok(lines.some(({ purpose }) => purpose === 'enlist'));

  const path = `http://localhost/MAAS/api/2.0/machines/${systemId}/?op=mark_broken`;
  execFileSync('curl', ['-sSf', '--unix-socket', join(stateDir, 'rackboot.sock'), '-X', 'POST', path]);
  lines.length = 0;
  assert.equal(await within(machine), 0, `a Broken machine is switched off\n${tail(machine)}`);
  const purposes = lines.flatMap(({ purpose }) => (typeof purpose === 'string' ? [purpose] : []));
  assert.ok(purposes.includes('poweroff') && !purposes.includes('enlist'), `it was told: ${purposes.join(', ')}`);
  assert.equal((await theMachine(stateDir)).status_name, 'Broken');
}

/** Gives addresses of the network, a router and name servers to every client, and knows nothing of booting. */
export function startAddressServer(namespace: LabNamespace, directory: string): ReturnType<LabNamespace['spawn']> {
  const host = namespace.addHost('dhcp', '52:54:00:77:02:01');
  for (const words of ['address add 10.77.0.2/24 dev eth0', 'link set eth0 up']) {
    execFileSync('ip', ['-netns', host, ...words.split(' ')]);
  }
  const options = ['--no-resolv', '--no-hosts', '--no-ping', '--port=0', '--conf-file=/dev/null', '--pid-file='];
  const range = ['--dhcp-range=10.77.0.100,10.77.0.199,600', '--dhcp-option=3,10.77.0.1', '--dhcp-option=6,10.77.0.1'];
  const leases = `--dhcp-leasefile=${join(directory, 'dnsmasq.leases')}`;
  return namespace.spawn('dnsmasq', ['--keep-in-foreground', '--interface=eth0', ...options, ...range, leases], {
    host,
    stdio: 'ignore',
  });
}

const RANGE_LINES: readonly string[] = [
  '    ip_range_low: 10.77.0.100',
  '    ip_range_high: 10.77.0.199',
  '    static_ip_range_low: 10.77.0.10',
  '    static_ip_range_high: 10.77.0.99',
];
const PROXY_LINES: readonly string[] = ['    mode: proxy'];

/** A rack's configuration for a boot; `boot`: further keys of `boot`, each after a comma. */
export function configText(
  stateDir: string,
  tree: string,
  each: Pick<BootCase, 'firmware' | 'loaders'>,
  boot = '',
  proxied = false,
): string {
  const serial = /arm/.test(each.firmware) ? 'ttyAMA0' : 'ttyS0';
  return `name: rack
state_dir: ${stateDir}
cluster_interfaces:
  - name: lab
    interface: ${BRIDGE}
    ip: 10.77.0.1
    network: 10.77.0.0/24
    router_ip: 10.77.0.1
${(proxied ? PROXY_LINES : RANGE_LINES).join('\n')}
dns: { upstream: [192.0.2.53] }
boot: { tree: ${tree}, release: ${each.firmware.endsWith('riscv64') ? 'trixie' : 'bookworm'}, loaders: ${each.loaders}, kernel_params: "console=${serial},115200"${boot} }
`;
}

/** The machine of a case; `index` makes its addresses and numbers. */
export function specOf(each: BootCase, index: number, directory: string): VirtualMachineSpec {
  return {
    name: `machine-${index}`,
    firmware: each.firmware,
    nic: each.nic,
    // Quirk: Debian's U-Boot for QEMU takes this address, whatever the card has.
    mac: isUBoot(each.firmware) ? '52:52:52:52:52:52' : `52:54:00:77:01:${index.toString(16).padStart(2, '0')}`,
    memoryMib: each.memoryMib,
    cpus: each.cpus,
    diskBytes: each.diskBytes,
    diskSerial: `DISK${index.toString().padStart(4, '0')}`,
    uuid: `77777777-0000-4000-8000-${index.toString(16).padStart(12, '0')}`,
    serial: `SN-77-${index}`,
    directory,
    furtherArguments: each.qemu32 === true ? ['-cpu', 'qemu32'] : [],
  };
}

const isUBoot = (firmware: Firmware): boolean => firmware.startsWith('u-boot');

/** Powers a machine on and waits until it is off. @returns QEMU's exit status; null when it took too long. */
export async function within(machine: VirtualMachine): Promise<number | null> {
  const late = setTimeout(() => void machine.kill(), BOOT_MS_MAX);
  try {
    return await machine.start();
  } finally {
    clearTimeout(late);
  }
}

/** The end of a machine's console output. */
export const tail = (machine: VirtualMachine): string => consoleOf(machine).slice(-3000);

/** The only machine of the region. */
export async function theMachine(stateDir: string) {
  const machines = machinesShape.parse(await askDaemon(stateDir, '/MAAS/api/2.0/machines/'));
  assert.equal(machines.length, 1);
  return machines[0] ?? assert.fail('no machine');
}

const architectureOf = ({ firmware, qemu32 }: BootCase): string =>
  qemu32 === true ? 'i386' : (/(?:arm|riscv)\w+$/.exec(firmware)?.[0] ?? 'amd64');

function checkFacts(machine: Awaited<ReturnType<typeof theMachine>>, each: BootCase, spec: VirtualMachineSpec): void {
  assert.equal(machine.status_name, 'New');
  const isArm = each.firmware.endsWith('arm64');
  assert.equal(machine.architecture, `${architectureOf(each)}/generic`);
  assert.equal(machine.cpu_count, each.cpus);
  // Without SMBIOS, as under U-Boot, it is the memory that the kernel left.
  const memoryMin = isUBoot(each.firmware) ? each.memoryMib * 0.9 : each.memoryMib;
  assert.ok(machine.memory >= memoryMin && machine.memory <= each.memoryMib, `${machine.memory} MiB`);
  assert.deepEqual(
    machine.interface_set.map(({ mac_address: mac }) => mac),
    [spec.mac],
  );
  const disks = machine.physicalblockdevice_set.filter(({ serial }) => serial !== 'SCRIPT');
  assert.deepEqual(
    disks.map(({ name, size, serial }) => ({ name, size, serial })),
    [{ name: 'vda', size: spec.diskBytes, serial: spec.diskSerial }],
  );
  // U-Boot says nothing about the hardware.
  if (isUBoot(each.firmware)) return;
  assert.equal(machine.hardware_info?.system_vendor, 'QEMU');
  assert.equal(machine.hardware_info?.system_serial, spec.serial);
  // An arm64 processor tells numbers, not a name: 0x41 is Arm, 0xd07 its Cortex-A57.
  assert.match(machine.hardware_info?.cpu_model ?? '', isArm ? /^implementer 0x41 part 0xd07$/ : /QEMU/);
  assert.equal(machine.hardware_uuid, spec.uuid);
}

/** The secret of its boot went from the rack through loader and kernel to the agent, and came back. */
export async function checkVouched(stateDir: string, systemId: string): Promise<void> {
  const identity = await askDaemon(stateDir, `/MAAS/api/2.0/machines/${systemId}/?op=identity`);
  assert.match(JSON.stringify(identity), /"is_vouched":true,/, 'its rack vouches for its boot');
}

async function leaseAddress(stateDir: string, mac: string): Promise<string> {
  const leases = await askDaemon(stateDir, '/leases');
  assert.ok(Array.isArray(leases));
  const own = leases.filter((lease) => lease.mac === mac);
  assert.equal(own.length, 1, 'one machine has one lease, whatever ROM, loader and environment call themselves');
  return String(own[0]?.address);
}

/** The address of a machine: by its lease, or by sightings. */
async function addressOf(stateDir: string, mac: string, proxied: boolean): Promise<string> {
  if (!proxied) return await leaseAddress(stateDir, mac);
  assert.deepEqual(await askDaemon(stateDir, '/leases'), [], 'this rack gives no lease');
  const trace = await askDaemon(stateDir, `/trace?machine=${mac}`);
  assert.ok(typeof trace === 'object' && trace !== null && 'address' in trace);
  return String(trace.address);
}

async function checkLease(stateDir: string, mac: string, proxied: boolean): Promise<void> {
  const address = await addressOf(stateDir, mac, proxied);
  assert.match(address, /^10\.77\.0\.1\d\d$/);
}

function checkNames(namespace: string, machine: { readonly fqdn: string }, address: string): void {
  const dig = (...args: string[]): string =>
    execFileSync('ip', ['netns', 'exec', namespace, 'dig', '+short', '+time=2', '+tries=2', '@10.77.0.1', ...args], {
      encoding: 'utf8',
    }).trim();
  assert.equal(dig(machine.fqdn, 'A'), address, 'its name leads to its lease');
  assert.equal(dig('-x', address), `${machine.fqdn}.`, 'and back');
  assert.equal(dig('outside.example', 'A'), '198.51.100.7', 'an outside name comes from upstream');
}
