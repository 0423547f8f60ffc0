// TFTP and HTTP of a rack that runs whole, over a cable: tftp-hpa, atftp, curl, wget and busybox on a host of the rack's network
// load files byte by byte the same, and files that the operator puts into the tree win over rendered text.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { makeStandInTree } from '../../src/lab/safe-lab.ts';
import { missing, type Need } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, well } from '../support/running-rack.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { RackNetwork } from './rack-network.ts';

const skip = missing('linux', 'root', 'ip', 'curl');
const RACK = '10.77.2.1';
const MACHINE = '52:54:00:77:04:01';
const CONFIG = `cluster_interfaces:
  - name: lab
    interface: br0
    ip: ${RACK}
    network: 10.77.2.0/24
    ip_range_low: 10.77.2.100
    ip_range_high: 10.77.2.199
`;
const LARGE_BYTES = 40 * 1024 * 1024;
const LENGTHS = [0, 1, 511, 512, 513, 1428, 3 * 1428, 2 * 8192, 300_000];
/** curl's exit code for `--max-time`. */
const CURL_TIMED_OUT = 28;

interface ClientCall {
  readonly name: string;
  readonly program: string & Need;
  readonly words: (file: string, into: string) => readonly string[];
  /** Its message for error 1. */
  readonly notFound: RegExp;
}

const atftp = (...options: readonly string[]): ClientCall => ({
  name: ['atftp', ...options].join(', '),
  program: 'atftp',
  words: (file, into) => [
    'atftp',
    ...options.flatMap((option) => ['--option', option]),
    '-g',
    '-r',
    file,
    '-l',
    into,
    RACK,
    '69',
  ],
  notFound: /file not found/i,
});
const curl = (...options: readonly string[]): ClientCall => ({
  name: ['curl', ...options].join(' '),
  program: 'curl',
  words: (file, into) => ['curl', '-sS', ...options, '-o', into, `tftp://${RACK}/${file}`],
  notFound: /^curl: \(68\) /,
});
const busybox = (...options: readonly string[]): ClientCall => ({
  name: ['busybox tftp', ...options].join(' '),
  program: 'busybox',
  words: (file, into) => ['busybox', 'tftp', '-g', ...options, '-r', file, '-l', into, RACK],
  notFound: /\(1\) /,
});

const TFTP_CLIENTS: readonly ClientCall[] = [
  {
    name: 'tftp-hpa',
    program: 'tftp',
    words: (file, into) => ['tftp', '-4', '-m', 'binary', RACK, '-c', 'get', file, into],
    notFound: /Error code 1: /,
  },
  atftp(),
  atftp('tsize 0', 'blksize 1428'),
  atftp('blksize 1428', 'windowsize 16'),
  atftp('blksize 512', 'windowsize 64'),
  // Larger than a frame of the cable.
  atftp('blksize 8192'),
  atftp('blksize 65464', 'timeout 3'),
  curl('--tftp-no-options'),
  curl('--tftp-blksize', '1428'),
  busybox(),
  busybox('-b', '1428'),
];

function noise(length: number): Buffer {
  const random = seededRandom(length);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(Math.floor(random() * 0x1_0000_0000), at);
  return bytes;
}

const countersShape = z.object({ tftp: z.object({ counters: z.record(z.string(), z.unknown()) }) });

describe('TFTP and HTTP clients of a running rack', { skip }, () => {
  let rack: RackNetwork;
  let host = '';
  let foreign = '';
  const contents = new Map<string, Buffer>();
  const url = (path: string): string => `http://${RACK}:5248/${path}`;
  const scratch = (name: string): string => join(rack.directory, name);
  const assertSame = (into: string, file: string): void => {
    assert.ok(readFileSync(scratch(into)).equals(contents.get(file) ?? Buffer.alloc(0)), `${file} is the same`);
    rmSync(scratch(into));
  };

  before(async () => {
    rack = new RackNetwork('files', RACK);
    host = rack.namespace.addHost('host', '52:54:00:77:04:aa');
    const router = rack.namespace.addHost('router', '52:54:00:77:04:fe');
    await rack.run(host, 'ip', 'address', 'add', '10.77.2.50/24', 'dev', 'eth0');
    await rack.run(router, 'ip', 'address', 'add', '10.77.2.254/24', 'dev', 'eth0');
    foreign = rack.addFarHost(router, 'foreign', '52:54:00:77:04:03', '198.18.0.1/24');
    await rack.run(foreign, 'ip', 'address', 'add', '198.18.0.2/24', 'dev', 'eth0');
    await rack.run(foreign, 'ip', 'route', 'add', 'default', 'via', '198.18.0.1');
    await rack.run(undefined, 'ip', 'route', 'add', '198.18.0.0/24', 'via', '10.77.2.254');
    for (const length of LENGTHS) contents.set(`f${length}`, noise(length));
    contents.set('large', noise(LARGE_BYTES));
    contents.set('grubx64.efi', Buffer.from('a loader'));
    makeStandInTree(rack.tree);
    for (const [name, bytes] of contents) writeFileSync(join(rack.tree, name), bytes);
    rack.configure(CONFIG);
    await rack.start();
  });
  after(() => rack?.remove());

  for (const client of HAS_MANY_ROUNDS ? TFTP_CLIENTS : TFTP_CLIENTS.slice(0, 1)) {
    test(`${client.name} loads files of every length, and learns at once that a file is missing`, {
      skip: missing(client.program),
    }, async () => {
      for (const length of LENGTHS) {
        const file = `f${length}`;
        const ended = await rack.run(host, ...client.words(file, 'got'));
        assert.equal(ended.code, 0, `${file}: ${ended.out}${ended.err}`);
        assertSame('got', file);
      }
      const absent = await rack.run(host, ...client.words('absent', 'got'));
      assert.match(absent.out + absent.err, client.notFound);
    });
  }

  test('no transfer remains, and none failed', async () => {
    const status = await rack.rackboot('status', '--json');
    const { active, failed, 'timed-out': timedOut } = countersShape.parse(JSON.parse(status.out)).tftp.counters;
    assert.deepEqual({ active, failed, timedOut }, { active: 0, failed: 0, timedOut: 0 });
  });

  test('a host of another network gets no TFTP answer, unless it is allowed', async () => {
    const load = () => rack.run(foreign, 'curl', '-sS', '--max-time', '4', '-o', 'got', `tftp://${RACK}/f512`);
    assert.equal((await load()).code, CURL_TIMED_OUT);
    const refused = await rack.reported('tftp.refused');
    assert.deepEqual([refused.address, refused.reason], ['198.18.0.2', 'network-not-served']);
    await rack.apply(`${CONFIG}tftp: { allow: [198.18.0.0/24] }\n`);
    await well(load());
    assertSame('got', 'f512');
  });

  const downloads = [
    ['wget', 'wget', 'wget', '-q', '-c', '-O'],
    ['busybox wget', 'busybox', 'busybox', 'wget', '-q', '-c', '-O'],
    ['curl', 'curl', 'curl', '-f', '-sS', '-C', '-', '-o'],
  ] as const;
  for (const [name, need, ...words] of HAS_MANY_ROUNDS ? downloads : downloads.slice(0, 1)) {
    test(`${name} loads 40 MiB, resumes an interrupted download, and fails for a missing file`, {
      skip: missing(need),
    }, async () => {
      assert.equal((await rack.run(host, ...words, 'got', url('large'))).code, 0);
      truncateSync(scratch('got'), LARGE_BYTES - 12_345_678);
      await well(rack.run(host, ...words, 'got', url('large')));
      assertSame('got', 'large');
      assert.notEqual((await rack.run(host, ...words, 'none', url('absent'))).code, 0);
    });
  }

  test('curl gets length and validators by HEAD, the range it asks for, and no unchanged file again', async () => {
    const fetch = async (...words: string[]) => (await rack.run(host, 'curl', '-sS', ...words)).out;
    const head = await fetch('--head', url('f300000'));
    assert.match(head, /^HTTP\/1\.1 200 /);
    assert.match(head, /\r\nContent-Length: 300000\r\n/);
    const etag = /\r\nETag: (\S+)\r\n/.exec(head)?.[1] ?? '';
    const code = ['--write-out', '%{http_code} %{size_download}', '--output', 'got'];
    assert.equal(await fetch(...code, '--header', `If-None-Match: ${etag}`, url('f300000')), '304 0');
    assert.equal(await fetch(...code, '--range', '1000-1999', url('f300000')), '206 1000');
    assert.ok(readFileSync(scratch('got')).equals(contents.get('f300000')?.subarray(1000, 2000) ?? Buffer.alloc(0)));
    assert.equal(await fetch('--path-as-is', url('/grubx64.efi')), 'a loader', 'with the two slashes of shim');
    await well(rack.run(host, 'busybox', 'wget', '--spider', url('f512')));
  });

  test('a file under pxelinux.cfg, grub or the name of a loader wins over rendered text, by TFTP and HTTP', async () => {
    const fields = ['-F', 'op=new', '-F', 'architecture=amd64/generic', '-F', `mac_addresses=${MACHINE}`];
    const made = await rack.run(host, 'curl', '-sS', ...fields, url('MAAS/api/1.0/nodes/'));
    assert.match(made.out, /"system_id"/, made.err);
    // Until then it is merely reported, and the rack knows nothing of it.
    await rack.well('machines', 'accept', MACHINE);
    const both = async (path: string): Promise<string[]> =>
      [
        await rack.run(host, 'curl', '-sSf', `tftp://${RACK}/${path}`),
        await rack.run(host, 'curl', '-sSf', url(path)),
      ].map(({ out }) => out);
    const dashed = MACHINE.replaceAll(':', '-');
    for (const [path, rendered] of [
      [`pxelinux.cfg/01-${dashed}`, /^DEFAULT /im],
      [`grub/grub.cfg-${MACHINE}`, /menuentry|linux|set /],
      [`ipxe.cfg-${dashed}`, /^#!ipxe/],
    ] as const) {
      await eventually(`${path} is rendered`, async () => (await both(path)).every((text) => rendered.test(text)));
      mkdirSync(join(rack.tree, path, '..'), { recursive: true });
      writeFileSync(join(rack.tree, path), `mine: ${path}\n`);
      assert.deepEqual(await both(path), [`mine: ${path}\n`, `mine: ${path}\n`]);
      rmSync(join(rack.tree, path));
      // A path leads for a second to the file that it led to.
      await eventually(`${path} is rendered again`, async () =>
        (await both(path)).every((text) => rendered.test(text)),
      );
    }
    // An unknown machine gets only the files put there for it.
    const stranger = 'pxelinux.cfg/01-52-54-00-00-00-99';
    assert.deepEqual(await both(stranger), ['', '']);
    writeFileSync(join(rack.tree, stranger), 'for you\n');
    assert.deepEqual(await both(stranger), ['for you\n', 'for you\n']);
  });
});
