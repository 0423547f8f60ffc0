// An import boots a machine to enlistment: a site with simplestreams as MAAS's, signed by a real key, is served by a host of its own in a private
// network; the region imports from it by the API; and a virtual machine with a blank disk boots the imported kernel, initrd and root.
// @host computes, 30 s

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import {
  type BootCase,
  checkVouched,
  configText,
  GIB,
  specOf,
  tail,
  theMachine,
  within,
} from '../support/first-boot.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { makeImportedSystem } from '../support/imported-system.ts';
import { consoleOf } from '../support/machine-console.ts';
import { missing } from '../support/needs.ts';
import { type SiteFile, writeStreamSite } from '../support/stream-site.ts';

const SITE = '10.77.0.3';
const REGION_MS_MAX = 60_000;
const IMPORT_MS_MAX = 120_000;
const CONTENT_ID = 'com.ubuntu.maas:stable:v3:download';
const PLACE = 'ubuntu/amd64/generic/noble/stable';
const MACHINE: BootCase = {
  ...{ name: 'SeaBIOS, iPXE', firmware: 'bios', nic: 'virtio-net-pci', memoryMib: 512, cpus: 1 },
  ...{ diskBytes: 4 * GIB, loaders: '{}', boots: 1 },
};
const NEEDS = ['linux', 'root', 'ip', 'qemu-system-x86_64', 'setpriv', 'gpg', 'mksquashfs'] as const;
const SKIP = missing(...NEEDS, ...bootTreeNeeds());

describe('a machine boots what was imported, and is enlisted', { skip: SKIP }, () => {
  const gpg = new GpgHome();
  const lines: LogLine[] = [];
  let directory = '';
  let stateDir = '';
  let tree = '';
  let namespace: LabNamespace | undefined;
  let server: ReturnType<LabNamespace['spawn']> | undefined;
  let daemon: DaemonProcess | undefined;

  before(async () => {
    const built = await cachedBootTree(() => undefined);
    directory = mkdtempSync(join(tmpdir(), 'rackboot-import-boots-'));
    stateDir = join(directory, 'state');
    tree = join(directory, 'tree');
    cpSync(built, tree, { recursive: true });
    // Without an environment of our own, nothing but the import can boot a machine.
    rmSync(join(tree, 'amd64'), { recursive: true });
    writeSite(join(built, 'amd64/generic/bookworm/commissioning'));
    namespace = LabNamespace.create(`rb-import-${process.pid}`, '10.77.0.1', 24);
    namespace.ip('address', 'add', '192.0.2.53/32', 'dev', 'lo');
    const host = namespace.addHost('site', '52:54:00:77:02:03');
    namespace.ip('-netns', host, 'address', 'add', `${SITE}/24`, 'dev', 'eth0');
    server = namespace.spawn(process.execPath, ['-e', SERVE, join(directory, 'site')], { host, stdio: 'ignore' });
    const config = join(directory, 'rackboot.yaml');
    writeFileSync(config, configText(stateDir, tree, MACHINE, ', enlist_with: ubuntu/noble'));
    daemon = await DaemonProcess.start({ config, namespace, onLine: (line) => lines.push(line) });
    await eventuallyWithin(REGION_MS_MAX, 'the region answers', () =>
      askDaemon(stateDir, '/MAAS/api/2.0/boot-sources/').catch(() => undefined),
    );
  });
  after(async () => {
    await daemon?.stop();
    server?.kill('SIGKILL');
    namespace?.remove();
    gpg.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Serves the directory of its argument. */
  const SERVE = `
    const [directory] = process.argv.slice(1);
    const { existsSync, readFileSync, statSync } = require('node:fs');
    require('node:http').createServer(({ url }, response) => {
      const file = directory + url;
      if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
      response.end(readFileSync(file));
    }).listen(80, '${SITE}');`;

  function writeSite(environment: string): void {
    const { kernel, initrd, squashfs } = makeImportedSystem(environment);
    const file = (ftype: string, content: string | Uint8Array): SiteFile => {
      return { ftype, path: `noble/amd64/20261015/${ftype}`, content };
    };
    const files = {
      ...{ 'boot-kernel': file('boot-kernel', kernel), 'boot-initrd': file('boot-initrd', initrd) },
      ...{ squashfs: file('squashfs', squashfs), manifest: file('squashfs.manifest', 'busybox\n') },
    };
    const tags = {
      ...{ arch: 'amd64', os: 'ubuntu', release: 'noble', version: '24.04', label: 'stable', krel: 'noble' },
      ...{
        subarch: 'ga-24.04',
        subarches: 'generic,ga-22.04,ga-24.04',
        kflavor: 'generic',
        release_title: '24.04 LTS',
      },
    };
    const product = { tags, versions: { '20261015': { files } } };
    const content = { [CONTENT_ID]: { 'com.ubuntu.maas.stable:v3:boot:24.04:amd64:ga-24.04': product } };
    writeStreamSite(join(directory, 'site'), content, { home: gpg, key: gpg.makeKey('site') });
  }

  test('the region imports the selected system, and its files are in the boot tree', async () => {
    const post = (path: string, fields: Readonly<Record<string, string>>) =>
      askDaemon(stateDir, `/MAAS/api/2.0/${path}`, 'POST', new URLSearchParams(fields).toString());
    const keys = Buffer.from(gpg.export(['site'])).toString('base64');
    const added = await post('boot-sources/', { url: `http://${SITE}/`, keyring_data: keys });
    assert.ok(typeof added === 'object' && added !== null && 'id' in added);
    await post(`boot-sources/${added.id}/selections/`, { os: 'ubuntu', release: 'noble', arches: 'amd64' });
    await post('boot-resources/?op=import', {});
    await eventuallyWithin(IMPORT_MS_MAX, 'the import is in the tree', () => existsSync(join(tree, PLACE)));
    assert.deepEqual(readdirSync(join(tree, PLACE)).sort(), [
      ...['boot-initrd', 'boot-kernel', 'squashfs', 'squashfs.manifest'],
    ]);
  });

  test('a machine loads kernel, initrd and root, reports itself and powers off', { timeout: 700_000 }, async () => {
    assert.ok(namespace !== undefined);
    const machine = new VirtualMachine(specOf(MACHINE, 0, directory), namespace);
    try {
      assert.equal(await within(machine), 0, `it powered itself off\n${tail(machine)}`);
      const text = consoleOf(machine);
      assert.match(text, /imported initrd: starting its root/);
      assert.match(text, /imported root: instance i-maas-enlistment/);
      const enlisted = await theMachine(stateDir);
      assert.deepEqual([enlisted.status_name, enlisted.architecture], ['New', 'amd64/generic']);
      assert.equal(enlisted.memory, MACHINE.memoryMib);
      assert.deepEqual(
        enlisted.interface_set.map(({ mac_address: mac }) => mac),
        [machine.spec.mac],
      );
      await checkVouched(stateDir, enlisted.system_id);
      const sent = lines.filter(({ event }) => event === 'http.file-sent').map(({ file }) => String(file));
      for (const name of ['boot-kernel', 'boot-initrd', 'squashfs'])
        assert.ok(sent.includes(`/${PLACE}/${name}`), `${name} among ${sent.join(', ')}`);
    } finally {
      await machine.kill();
    }
  });
});
