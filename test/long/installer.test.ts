// Deployment by preseed, for real: Debian's installer in a virtual machine runs unattended with the answers that the region renders, until
// it asks its mirror for the components of the release. If RACKBOOT_DEBIAN_MIRROR names a complete mirror
// (http://mirror.example/debian), it continues to the end: the installed system starts from its disk, its cloud-init reports, and the machine is
// Deployed.
//
// The mirror is a server of the test, which records the requests. Without a complete mirror it has the files that identify one:
// the release's own signed index and the list of components, fetched by the host's apt.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { machineShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { cachedBootTree, type TreeContent } from '../../src/lab/boot-tree.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { type BootCase, configText, GIB, specOf, tail } from '../support/first-boot.ts';
import { missing } from '../support/needs.ts';
import { REBOOTING } from '../support/powered-machine.ts';

const MIRROR = '192.0.2.80';
const WHOLE_MIRROR = process.env.RACKBOOT_DEBIAN_MIRROR?.replace(/\/+$/, '');
const ASKS_MS_MAX = 600_000;
const INSTALLS_MS_MAX = 1_700_000;
const DIST = 'dists/bookworm';
const indexOf = (cpu: string): readonly string[] => [
  ...['Release', 'Release.gpg', 'InRelease', `main/binary-${cpu}/Release`].map((name) => `${DIST}/${name}`),
  ...['.xz', '.gz'].map((suffix) => `${DIST}/main/debian-installer/binary-${cpu}/Packages${suffix}`),
];
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsgk4Gb4zaO6kVZZYeCYFAMtPVJ2RnPsXiXStJvWiT2 owner@example';
const CASE = {
  name: 'installed',
  firmware: 'bios',
  nic: 'virtio-net-pci',
  memoryMib: 1024,
  cpus: 2,
  diskBytes: 9 * GIB,
  loaders: '{}',
  boots: 1,
} as const satisfies BootCase;
/** Each in a tree with its installer; that of the second is beside one for 64 bits. */
const CASES: readonly (readonly ['amd64' | 'i386', BootCase, TreeContent])[] = [
  ['amd64', CASE, 'amd64-installer'],
  ['i386', { ...CASE, qemu32: true, loaders: '{ ipxe: pxelinux.0 }' }, 'amd64+i386-installer'],
];

/** Hands connections of a port in the namespace to a socket of the test, which is outside of it. */
const RELAY = `const net = require('node:net');
net.createServer((from) => {
  const to = net.connect(process.argv[1]);
  from.pipe(to).pipe(from);
  for (const one of [from, to]) one.on('error', () => { from.destroy(); to.destroy(); });
}).listen(80, '${MIRROR}');`;

/** A mirror that records the requests. */
class Mirror {
  readonly asked: string[] = [];
  readonly #server: Server;

  /** @param index the paths that it serves from `files` */
  constructor(files: string, index: readonly string[]) {
    this.#server = createServer((request, response) => {
      const path = (request.url ?? '').replace(/^\/debian\//, '');
      this.asked.push(path);
      const file = join(files, path.replaceAll('/', '_'));
      if (WHOLE_MIRROR !== undefined) {
        const onward = get(`${WHOLE_MIRROR}/${path}`, (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        });
        onward.on('error', () => response.writeHead(502).end());
      } else if (index.includes(path) && existsSync(file)) response.end(readFileSync(file));
      else response.writeHead(404).end();
    });
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve) => this.#server.listen(path, resolve));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Fetches what shows that a mirror is one, with the host's apt: its mirrors, its proxies. */
function fetchIndex(directory: string, index: readonly string[]): void {
  const format = ['indextargets', '--format', '$(REPO_URI)|$(CODENAME)', 'Created-By: Packages', 'Origin: Debian'];
  const lists = execFileSync('apt-get', format, { encoding: 'utf8' }).split('\n');
  const uri = lists.find((line) => line.endsWith('|bookworm'))?.split('|')[0] ?? assert.fail(lists.join('\n'));
  for (const path of index) {
    const file = join(directory, path.replaceAll('/', '_'));
    try {
      execFileSync('/usr/lib/apt/apt-helper', ['download-file', `${uri}${path}`, file], { stdio: 'ignore' });
    } catch {
      // A mirror has one of the two compressions, and sometimes no detached signature.
    }
  }
}

const NEEDS = ['linux', 'root', 'ip', 'depmod', 'qemu-system-x86_64'] as const;

for (const [cpu, machineCase, content] of CASES) {
  const skip = missing(...NEEDS, ...bootTreeNeeds(content));
  describe(`Debian's installer for ${cpu} with the answers of the region`, { skip }, () =>
    installs(cpu, machineCase, content),
  );
}

function installs(cpu: string, machineCase: BootCase, content: TreeContent): void {
  let directory = '';
  let namespace: LabNamespace;
  let relay: ReturnType<LabNamespace['spawn']> | undefined;
  let mirror: Mirror;
  let daemon: DaemonProcess;
  let machine: VirtualMachine;
  let systemId = '';
  const lines: LogLine[] = [];
  const stateDir = (): string => join(directory, 'state');
  const post = (path: string, fields: Readonly<Record<string, string>>): Promise<unknown> =>
    askDaemon(stateDir(), `/MAAS/api/2.0/${path}`, 'POST', new URLSearchParams(fields).toString());
  const status = async (): Promise<string> =>
    machineShape.parse(await askDaemon(stateDir(), `/MAAS/api/2.0/machines/${systemId}/`)).status_name;
  const story = (): string =>
    `${tail(machine)}\n${mirror.asked.slice(-20).join('\n')}\n${lines
      .slice(-20)
      .map((line) => JSON.stringify(line))
      .join('\n')}`;

  before(
    async () => {
      const tree = await cachedBootTree(() => undefined, content);
      directory = mkdtempSync(join(tmpdir(), 'rackboot-installer-'));
      const files = join(directory, 'mirror');
      mkdirSync(files);
      if (WHOLE_MIRROR === undefined) fetchIndex(files, indexOf(cpu));
      namespace = LabNamespace.create(`rb-inst-${process.pid}`, '10.77.0.1', 24);
      for (const address of ['192.0.2.53', MIRROR]) namespace.ip('address', 'add', `${address}/32`, 'dev', 'lo');
      mirror = new Mirror(files, indexOf(cpu));
      const socket = join(directory, 'mirror.sock');
      await mirror.listen(socket);
      relay = namespace.spawn(process.execPath, ['-e', RELAY, socket], { stdio: 'inherit' });
      const config = join(directory, 'rackboot.yaml');
      const more = `preseeds: { directory: ${directory}/preseeds, debian_mirror: "http://${MIRROR}/debian" }\nhttp_proxy: none\n`;
      mkdirSync(stateDir());
      writeFileSync(config, configText(stateDir(), tree, machineCase) + more);
      daemon = await DaemonProcess.start({ config, namespace, onLine: (line) => lines.push(line) });
      const spec = specOf(machineCase, 0, directory);
      const further = [...(spec.furtherArguments ?? []), ...(WHOLE_MIRROR === undefined ? [] : REBOOTING)];
      machine = new VirtualMachine({ ...spec, furtherArguments: further }, namespace);
      await eventuallyWithin(30_000, 'the region', () => lines.some(({ event }) => event === 'region.up'));
    },
    { timeout: ASKS_MS_MAX },
  );
  after(async () => {
    await machine?.kill();
    await daemon?.stop();
    mirror?.close();
    relay?.kill('SIGKILL');
    namespace?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  test('asks no question until it asks the mirror for its components', async () => {
    const fields = {
      mac_addresses: machine.spec.mac,
      architecture: `${cpu}/generic`,
      hostname: 'calm-ibis',
      commission: 'false',
    };
    systemId = machineShape.parse(await post('machines/', fields)).system_id;
    await post(`machines/${systemId}/?op=accept`, { skip_commissioning: 'true' });
    await post('account/prefs/sshkeys/', { key: KEY });
    await post(`machines/${systemId}/?op=deploy`, { distro_series: 'bookworm', deploy_by: 'installer', disk: 'vda' });
    assert.equal(await status(), 'Deploying');
    void machine.start();
    const isComponent = (path: string): boolean => /^pool\/.*\.udeb$/.test(path);
    await eventuallyWithin(ASKS_MS_MAX, 'components', () => mirror.asked.some(isComponent)).catch((error: unknown) =>
      assert.fail(`${String(error)}\n${story()}`),
    );
    assert.ok(mirror.asked.includes(`${DIST}/Release`), story());
    assert.equal(await status(), 'Deploying');
  });

  test('installs the machine to the end', {
    skip: WHOLE_MIRROR === undefined ? 'needs RACKBOOT_DEBIAN_MIRROR, the address of a complete mirror' : false,
  }, async () => {
    await eventuallyWithin(INSTALLS_MS_MAX, 'Deployed', async () => (await status()) === 'Deployed').catch(
      (error: unknown) => assert.fail(`${String(error)}\n${story()}`),
    );
  });
}
