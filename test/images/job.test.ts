// Runs the agent's jobs under busybox against a region of the test, over disks that are files.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { missing } from '../support/needs.ts';
import { makeDisk } from './disks.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const AGENT = join(ROOT, 'src/images/agent/agent.sh');
const JOB = join(ROOT, 'src/images/agent/job.sh');
const MIB = 1024 * 1024;
const TOKEN = 'boot-token_0123456789';
const RUN_SECONDS_MAX = '20';

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A region with one job, which keeps what it is told. */
class JobRegion {
  job: Readonly<Record<string, string | number>> | undefined;
  readonly files = new Map<string, Uint8Array>();
  readonly signals: Record<string, string>[] = [];
  readonly reports: string[] = [];
  readonly tokens = new Set<string>();
  /** Statuses of the next answers to signals. */
  refusals: number[] = [];
  readonly #server: Server;
  url = '';

  constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const path = request.url ?? '';
        const body = Buffer.concat(parts).toString('latin1');
        if (path.startsWith('/MAAS/rackboot/1/')) this.tokens.add(String(request.headers['x-rackboot-token']));
        const file = this.files.get(path);
        if (file !== undefined) response.end(file);
        else if (path === '/MAAS/rackboot/1/job' && this.job !== undefined) {
          response.end(
            Object.entries(this.job)
              .map(([name, value]) => `${name}=${value}\n`)
              .join(''),
          );
        } else if (path === '/MAAS/rackboot/job.sh') response.end(readFileSync(JOB));
        else if (path === '/MAAS/rackboot/agent.sh') response.end(readFileSync(AGENT));
        else if (path === '/MAAS/rackboot/1/signal') {
          const status = this.refusals.shift() ?? 200;
          if (status === 200) this.signals.push(Object.fromEntries(new URLSearchParams(body)));
          response.writeHead(status).end('OK');
        } else if (path === '/MAAS/api/2.0/machines/') {
          this.reports.push(body);
          response.end('{"hostname": "calm-ibis"}');
        } else response.writeHead(404).end();
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    this.url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/MAAS`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  told(): string[] {
    return this.signals.map(({ status, stage, script }) => [status, stage, script].filter(Boolean).join(' '));
  }
}

// Programs that would touch this host, and what only a real disk can show.
const HARMLESS = `
say() { echo "$*" >&2; }
uptime_seconds() { date +%s; }
reboot() { echo rebooted >>"$work/ends"; }
poweroff() { echo "powered off" >>"$work/ends"; }
sync() { :; }
sleep() { command sleep 0.05; }
blockdev() { :; }
hwclock() { :; }
grow_last() { echo "grown $disk" >>"$work/ends"; }
personalise() { echo "personalised $disk $(job_value hostname)" >>"$work/ends"; }
fetch_tools() { :; }
`;

describe('a job of the agent', { skip: missing('busybox') }, () => {
  let scratch = '';
  let count = 0;
  const region = new JobRegion();
  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'rackboot-job-'));
    await region.listen();
  });
  after(() => {
    region.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  interface Machine {
    readonly job?: Readonly<Record<string, string | number>> | undefined;
    readonly disks: Readonly<Record<string, Buffer>>;
    readonly sys?: Readonly<Record<string, string>>;
    readonly functions?: string;
    readonly purpose?: string;
    readonly refusals?: number[];
  }

  /** Runs the agent in a made-up machine. */
  async function run(machine: Machine) {
    count += 1;
    const root = join(scratch, String(count));
    region.job = machine.job;
    region.refusals = machine.refusals ?? [];
    for (const list of [region.signals, region.reports]) list.length = 0;
    region.tokens.clear();
    const put = (path: string, content: string | Uint8Array): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    };
    const mac = '52:54:00:aa:00:01';
    const line = `rackboot=${machine.purpose ?? 'commissioning'} rackboot_url=${region.url} rackboot_token=${TOKEN}`;
    put('proc/cmdline', `${line} BOOTIF=01-${mac.replaceAll(':', '-')}\n`);
    put('proc/cpuinfo', 'processor : 0\n');
    put('proc/meminfo', 'MemTotal: 16384 kB\nMemAvailable: 8192 kB\n');
    put('sys/class/net/eth0/type', '1\n');
    put('sys/class/net/eth0/address', `${mac}\n`);
    put('sys/class/net/eth0/carrier', '1\n');
    put('sys/class/net/eth0/device/x', '');
    put('tmp/x', '');
    for (const [name, content] of Object.entries(machine.disks)) {
      put(`dev/${name}`, content);
      put(`sys/block/${name}/size`, `${content.length / 512}\n`);
    }
    for (const [path, content] of Object.entries(machine.sys ?? {})) put(`sys/${path}`, content);
    // The time is the host's: waits end, and stalls are seen.
    writeFileSync(join(root, 'proc/uptime'), '1.00 1.00\n');
    const job = readFileSync(JOB, 'utf8').replace(
      /^output=\nthen=\ncase /m,
      `${HARMLESS}${machine.functions ?? ''}\n$&`,
    );
    region.files.set('/MAAS/rackboot/job.sh', Buffer.from(job));
    const agent = readFileSync(AGENT, 'utf8').replace(
      /^umask 077$/m,
      `${HARMLESS.split('\n').slice(0, 7).join('\n')}\n$&`,
    );
    put('agent.sh', agent);
    const env = {
      PATH: process.env.PATH ?? '',
      RACKBOOT_STAY: '1',
      RACKBOOT_SYS: join(root, 'sys'),
      RACKBOOT_PROC: join(root, 'proc'),
      RACKBOOT_TMP: join(root, 'tmp'),
      RACKBOOT_DEV: join(root, 'dev'),
      RACKBOOT_MOUNT: join(root, 'mnt'),
    };
    const outcome = await new Promise<{ code: number; said: string }>((resolve) => {
      // What the shell has started ends with it: timeout has a group of its own.
      const options = { env } as const;
      execFile(
        'timeout',
        ['-s', 'KILL', RUN_SECONDS_MAX, 'busybox', 'sh', join(root, 'agent.sh')],
        options,
        (error, _stdout, stderr) =>
          resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, said: stderr }),
      );
    });
    const disks = Object.fromEntries(
      Object.keys(machine.disks).map((name) => [name, readFileSync(join(root, 'dev', name))]),
    );
    const ends = execFileSync('sh', ['-c', 'cat "$0" 2>/dev/null || :', join(root, 'tmp/ends')]).toString();
    return { ...outcome, disks, ends: ends.trim().split('\n') };
  }

  const image = makeDisk(3 * MIB, 'gpt', 7);
  const packed = zstdCompressSync(image);
  const jobFor = (bytes: Buffer, format: string, more = {}) => {
    region.files.set('/images/it', bytes);
    return {
      job: 'deploy',
      hostname: 'calm-ibis',
      image_url: '/images/it',
      image_sha256: hashOf(bytes),
      image_bytes: bytes.length,
      image_format: format,
      image_disk_bytes: image.length,
      ...more,
    };
  };
  const filled = (mib: number): Buffer => Buffer.alloc(mib * MIB, 0x5a);

  for (const [format, bytes] of [
    ['raw', image],
    ['raw.zst', packed],
  ] as const) {
    test(`deploy writes an image (${format}) to the smallest disk that holds it, tells that it is written, and restarts`, {
      skip: format === 'raw' ? false : missing('zstd'),
    }, async () => {
      const disks = { sda: filled(8), sdb: filled(4), sdc: filled(2) };
      const { code, disks: after, ends, said } = await run({ job: jobFor(bytes, format), disks });
      assert.equal(code, 0, said);
      assert.deepEqual(after.sdb?.subarray(0, image.length), image);
      assert.deepEqual(after.sdb?.subarray(image.length), filled(1), 'what is behind the image stays');
      assert.deepEqual([after.sda, after.sdc], [disks.sda, disks.sdc]);
      assert.deepEqual(ends, ['grown sdb', 'personalised sdb calm-ibis', 'rebooted']);
      assert.deepEqual([region.told()[0], region.told().at(-1)], ['WORKING started', 'OK written']);
      assert.deepEqual([...region.tokens], [TOKEN]);
      assert.deepEqual(region.reports, []);
    });
  }

  test('deploy takes the disk that the job names, by name or by serial number', async () => {
    const disks = { sda: filled(8), sdb: filled(4) };
    const sys = { 'block/sda/serial': 'SER 1\n' };
    for (const disk of ['sda', '/dev/sda', 'serial:SER 1']) {
      const { disks: after } = await run({ job: jobFor(image, 'raw', { disk }), disks, sys });
      assert.deepEqual(after.sda?.subarray(0, image.length), image, disk);
      assert.deepEqual(after.sdb, disks.sdb);
    }
  });

  const troubles: readonly [string, () => Machine, string, RegExp][] = [
    [
      'an image that is another than was named',
      () => ({ job: jobFor(image, 'raw', { image_sha256: '0'.repeat(64) }), disks: { sda: filled(8) } }),
      'FAILED writing',
      /has the sha256 [0-9a-f]{64}, not 0{64} \(tried 3 times\)/,
    ],
    [
      'an image that is not there',
      () => ({ job: jobFor(image, 'raw', { image_url: '/images/none' }), disks: { sda: filled(8) } }),
      'FAILED writing',
      /cannot be fetched: .*404/,
    ],
    ['no disk', () => ({ job: jobFor(image, 'raw'), disks: {} }), 'FAILED partitioning', /there are: none/],
    [
      'disks that are too small',
      () => ({ job: jobFor(image, 'raw'), disks: { sda: filled(2) } }),
      'FAILED partitioning',
      /no disk of 3145728 bytes or more; there are: 2097152 sda/,
    ],
    [
      'a named disk that is too small',
      () => ({ job: jobFor(image, 'raw', { disk: 'sda' }), disks: { sda: filled(2), sdb: filled(8) } }),
      'FAILED partitioning',
      /sda has 2097152 bytes/,
    ],
    [
      'a named disk that is not there',
      () => ({ job: jobFor(image, 'raw', { disk: 'sdz' }), disks: { sda: filled(8) } }),
      'FAILED partitioning',
      /no disk sdz/,
    ],
    [
      'a disk that takes nothing',
      () => ({
        job: jobFor(image, 'raw'),
        disks: { sda: filled(8) },
        functions: 'dev=/dev/full/none\n',
      }),
      'FAILED writing',
      /sda does not take the image/,
    ],
    ['an unknown job', () => ({ job: { job: 'dance' }, disks: {} }), 'FAILED started', /no job called dance/],
    ['an unknown way to erase', () => ({ job: { job: 'erase', mode: 'x' }, disks: {} }), 'FAILED erasing', /called x/],
  ];
  for (const [name, make, told, message] of troubles) {
    test(`${name} fails with its reason, and no disk is called written`, async () => {
      const { code, ends } = await run(make());
      assert.equal(code, 1);
      assert.equal(region.told().at(-1), told);
      assert.match(region.signals.at(-1)?.message ?? '', message);
      assert.equal(ends.includes('rebooted'), false);
    });
  }

  test('the last word is said until the region hears it', async () => {
    const { code } = await run({ job: jobFor(image, 'raw'), disks: { sda: filled(8) }, refusals: [503, 503, 429] });
    assert.equal(code, 0);
    assert.equal(region.told().at(-1), 'OK written');
  });

  test('a region that hears nothing of this machine ends the job before a disk is touched', async () => {
    const disks = { sda: filled(8) };
    const { code, disks: after } = await run({ job: jobFor(image, 'raw'), disks, refusals: [403] });
    assert.equal(code, 1);
    assert.deepEqual(after, disks);
  });

  test('erasing signatures clears begin and end of every disk, and of every partition', async () => {
    const disks = { sda: filled(64), sdb: filled(4) };
    const sys = {
      'block/sda/sda1/start': `${40 * 2048}\n`,
      'block/sda/sda1/partition': '1\n',
      'block/sr0/size': '1000\n',
      'block/sdc/size': '1000\n',
      'block/sdc/removable': '1\n',
    };
    const { code, disks: after, said } = await run({ job: { job: 'erase', mode: 'signatures' }, disks, sys });
    assert.equal(code, 0, said);
    const zero = (from: number, to: number): boolean =>
      after.sda?.subarray(from * MIB, to * MIB).every((b) => b === 0) ?? false;
    assert.deepEqual([zero(0, 16), zero(40, 41), zero(48, 64)], [true, true, true]);
    assert.equal(
      after.sda?.subarray(16 * MIB, 40 * MIB).every((byte) => byte === 0x5a),
      true,
    );
    assert.deepEqual(after.sdb, Buffer.alloc(4 * MIB));
    assert.equal(region.told().at(-1), 'OK erased');
    assert.equal(region.signals.at(-2)?.done_bytes, String(68 * MIB));
  });

  test('erasing all leaves no byte', async () => {
    const { code, disks, said } = await run({
      job: { job: 'erase', mode: 'all' },
      disks: { sda: filled(9), sdb: Buffer.alloc(3 * MIB + 512, 1) },
    });
    assert.equal(code, 0, said);
    assert.deepEqual(disks, { sda: Buffer.alloc(9 * MIB), sdb: Buffer.alloc(3 * MIB + 512) });
    assert.equal(region.told().at(-1), 'OK erased');
  });

  test('commissioning reports the facts, then each check with what it found', async () => {
    const { code, said } = await run({ job: { job: 'commission' }, disks: { sda: filled(64) } });
    assert.equal(code, 0, said);
    assert.equal(region.reports.length, 1);
    assert.deepEqual(region.told(), [
      'WORKING testing',
      'WORKING testing disks',
      'WORKING testing memory',
      'WORKING testing link',
      'WORKING testing clock',
      'OK tested',
    ]);
    const [, disks, memory, link, clock] = region.signals.map(({ output }) => output ?? '');
    assert.match(disks ?? '', /^sda: 32 places of 67108864 bytes read, 0 with errors\n$/);
    assert.match(memory ?? '', /^4 MiB written and read, 0 of them differ\n$/);
    assert.match(link ?? '', /^eth0 \(52:54:00:aa:00:01\): link\n$/);
    assert.match(clock ?? '', /^-?\d seconds ahead of the rack's clock\n$/);
  });

  test('a check that fails is told with its words, and fails the commissioning', async () => {
    const functions = 'check_memory() { echo "bits fell & over"; return 3; }\n';
    const { code } = await run({ job: { job: 'commission' }, disks: {}, functions });
    assert.equal(code, 1);
    const memory = region.signals.find(({ script }) => script === 'memory');
    assert.deepEqual([memory?.exit_status, memory?.output], ['3', 'bits fell & over\n']);
    assert.equal(region.signals.at(-1)?.message, 'these checks failed: memory');
  });

  const without: readonly [string, Omit<Machine, 'disks'>][] = [
    ['a region that knows no jobs', { job: undefined }],
    ['a job of none', { job: { job: 'none' } }],
    ['a machine that enlists', { job: { job: 'erase', mode: 'all' }, purpose: 'enlist' }],
  ];
  for (const [name, machine] of without) {
    test(`${name} gets the facts and nothing else`, async () => {
      const disks = { sda: filled(4) };
      const { code, disks: after, said } = await run({ ...machine, disks });
      assert.equal(code, 0, said);
      assert.deepEqual([region.reports.length, region.told(), after], [1, [], disks]);
    });
  }
});
