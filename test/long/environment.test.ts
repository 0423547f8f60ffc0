// The ephemeral environment for real: built from the distribution's packages, twice; and booted by QEMU without firmware or
// loader in between, with QEMU's own DHCP server, until it has posted what QEMU was given. The whole way from power-on is in
// import-boots.test.ts.
// @host computes, 200 s

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildEnvironment } from '../../src/images/build/environment.ts';
import { allowReplacement } from '../../src/images/store/directory-publication.ts';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { BodyServer } from '../support/body-server.ts';
import { bootTreeNeeds } from '../support/boot-tree-needs.ts';
import { ended } from '../support/child.ts';
import { missing } from '../support/needs.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const IMAGE = 'amd64/generic/bookworm/commissioning';
const BOOT_MS_MAX = 400_000;
const MAC = '52:54:00:aa:00:01';
const DISK_BYTES = 3 * 1024 ** 3;

/** A region that serves the agent and answers each post with the next status of its list. */
class PretendedRegion extends BodyServer {
  readonly posts: URLSearchParams[] = [];
  readonly #statuses: readonly number[];

  constructor(statuses: readonly number[]) {
    super();
    this.#statuses = statuses;
  }

  protected override answer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    if (request.url === '/MAAS/rackboot/agent.sh') {
      response.end(readFileSync(join(ROOT, 'src/images/agent/agent.sh')));
    } else if (request.method === 'POST' && request.url === '/MAAS/api/2.0/machines/') {
      const status = this.#statuses[this.posts.length] ?? 200;
      this.posts.push(new URLSearchParams(body.toString('utf8')));
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(status === 200 ? '{"hostname": "calm-ibis"}' : 'mac_addresses: known\nas another machine');
    } else {
      response.writeHead(404).end();
    }
  }
}

interface Case {
  readonly name: string;
  readonly memoryMib: number;
  readonly nic: string;
  readonly devices: readonly string[];
  readonly kernelLine: string;
  readonly statuses: readonly number[];
  /** Lines that the console must show. */
  readonly said: readonly RegExp[];
  readonly posts: number;
  readonly driver: string;
  readonly disks: readonly unknown[];
}

const CASES: readonly Case[] = [
  {
    name: 'posts its facts in the least memory, waits for a region that is away, and powers off',
    memoryMib: 192,
    nic: 'virtio-net-pci',
    devices: ['virtio-blk-pci,drive=d0,serial=DISK001', `e1000,mac=52:54:00:aa:00:02`],
    kernelLine: 'console=ttyS4 mei.blacklist=yes mei_me.blacklist=yes e1000.blacklist=yes',
    statuses: [503],
    said: [
      /Drivers left out, as the kernel line says: mei mei_me e1000/,
      /503 Service Unavailable/,
      /knows this machine as calm-ibis/,
    ],
    posts: 2,
    driver: 'virtio_net',
    disks: [
      {
        name: 'vda',
        bytes: DISK_BYTES,
        model: '',
        serial: 'DISK001',
        rotational: true,
        bus: 'virtio',
        firmware: '',
        block_size: 512,
      },
    ],
  },
  {
    name: 'shows why the region refused it, for a minute, and powers off',
    memoryMib: 512,
    nic: 'vmxnet3',
    devices: ['ahci,id=ahci', 'ide-hd,bus=ahci.0,drive=d0,serial=AHCI01,model=FASTDISK'],
    kernelLine: '',
    statuses: [400, 400],
    said: [
      /refused this machine \(HTTP 400\)/,
      / {3}mac_addresses: known/,
      / {3}as another machine/,
      /powers off in 60 seconds/,
    ],
    posts: 2,
    driver: 'vmxnet3',
    disks: [
      {
        name: 'sda',
        bytes: DISK_BYTES,
        model: 'FASTDISK',
        serial: 'AHCI01',
        rotational: true,
        bus: 'ata',
        firmware: '2.5+',
        block_size: 512,
      },
    ],
  },
];

const NEEDS = [...bootTreeNeeds(), 'linux', 'qemu-system-x86_64'] as const;

// In parallel: a minute of one of them is a machine that shows its messages.
describe('the real environment', { skip: missing(...NEEDS), concurrency: true }, () => {
  let scratch = '';
  let tree = '';

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-environment-'));
    tree = await cachedBootTree(() => undefined);
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  test('is the same byte for byte when built again on another host', async () => {
    const request = { tree: join(scratch, 'tree'), arch: 'amd64', release: 'bookworm', workDir: join(scratch, 'work') };
    const { files } = await buildEnvironment({ ...request, onProgress: () => undefined, mayReplace: allowReplacement });
    for (const { name } of files) {
      const [one, other] = [tree, request.tree].map((root) => readFileSync(join(root, IMAGE, name)));
      assert.ok(one?.equals(other ?? Buffer.alloc(0)), name);
    }
  });

  for (const each of CASES) {
    test(each.name, async () => {
      const region = new PretendedRegion(each.statuses);
      await region.listen();
      try {
        const console = await boot(each, region.port);
        for (const line of each.said) assert.match(console, line);
        assert.match(console, /reboot: Power down/);
        assert.equal(region.posts.length, each.posts);
        checkPost(each, region.posts[0]);
      } finally {
        region.close();
      }
    });
  }

  /** Powers a machine on, waits until it is off, and returns what its console showed. */
  async function boot(each: Case, port: number): Promise<string> {
    const [disk, serial] = ['disk', 'serial'].map((name) => join(scratch, `${name}-${port}`)) as [string, string];
    writeFileSync(disk, '');
    truncateSync(disk, DISK_BYTES);
    const line = `rackboot=enlist rackboot_url=http://10.0.2.2:${port}/MAAS BOOTIF=01-${MAC.replaceAll(':', '-')}`;
    const args = [
      '-machine',
      'pc,graphics=off',
      '-accel',
      'tcg,thread=single',
      '-smp',
      '2',
      '-m',
      String(each.memoryMib),
      '-nodefaults',
      '-display',
      'none',
      '-monitor',
      'none',
      '-no-reboot',
      '-serial',
      `file:${serial}`,
      '-kernel',
      join(tree, IMAGE, 'linux'),
      '-initrd',
      join(tree, IMAGE, 'initrd.gz'),
      '-append',
      `${line} console=ttyS0,115200 ${each.kernelLine}`,
      '-smbios',
      'type=1,uuid=11111111-2222-3333-4444-5555555555AA,serial=SN"1\\2,product=A Box & Co',
      '-netdev',
      'user,id=n0',
      '-device',
      `${each.nic},netdev=n0,mac=${MAC}`,
      '-drive',
      `file=${disk},format=raw,if=none,id=d0`,
      ...each.devices.flatMap((device) => ['-device', device]),
    ];
    const machine = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: BOOT_MS_MAX });
    const status = await ended(machine);
    const shown = readFileSync(serial, 'latin1').replaceAll('\r', '');
    assert.equal(status, 0, shown.slice(-2000));
    return shown;
  }

  function checkPost(each: Case, post: URLSearchParams | undefined): void {
    const { hardware_facts: text = '', ...fields } = Object.fromEntries(post ?? []);
    assert.deepEqual(fields, { architecture: 'amd64', subarchitecture: 'generic', power_type: '', mac_addresses: MAC });
    const facts = JSON.parse(text);
    assert.deepEqual([facts.version, facts.boot_mac, facts.uefi, facts.virtualization], [1, MAC, false, 'qemu']);
    assert.deepEqual([facts.cpu.count, facts.memory_mib], [2, each.memoryMib]);
    assert.deepEqual(facts.disks, each.disks);
    assert.equal(facts.nics.length, 1);
    assert.deepEqual([facts.nics[0].mac, facts.nics[0].driver, facts.nics[0].carrier], [MAC, each.driver, true]);
    const { vendor, product, serial, uuid } = facts.dmi;
    assert.deepEqual(
      [vendor, product, serial, uuid],
      ['QEMU', 'A Box & Co', 'SN"1\\2', '11111111-2222-3333-4444-5555555555aa'],
    );
  }
});
