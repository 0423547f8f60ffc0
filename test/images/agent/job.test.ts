// Runs the agent's jobs under busybox against a region of the test. The disks are files.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { portOf } from '../../support/listening-port.ts';
import { missing } from '../../support/needs.ts';
import { makeDisk } from '../disks.ts';
import { AgentRuns, type JobMachine, TOKEN } from './agent-run.ts';

const MIB = 1024 * 1024;

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a job of the agent', { skip: missing('busybox') }, () => {
  const runs = new AgentRuns();
  const { region } = runs;
  const run = (machine: JobMachine) => runs.run(machine);
  before(() => runs.open());
  after(() => runs.close());

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
    test(`deploy writes an image (${format}) to the smallest disk that holds it, reports it written, and restarts`, {
      skip: format === 'raw' ? false : missing('zstd'),
    }, async () => {
      const disks = { sda: filled(8), sdb: filled(4), sdc: filled(2) };
      const { code, disks: after, ends, said } = await run({ job: jobFor(bytes, format), disks });
      assert.equal(code, 0, said);
      assert.deepEqual(after.sdb?.subarray(0, image.length), image);
      assert.deepEqual(after.sdb?.subarray(image.length), filled(1), 'the disk behind the image is unchanged');
      assert.deepEqual([after.sda, after.sdc], [disks.sda, disks.sdc]);
      assert.deepEqual(ends, ['grown sdb', 'personalised sdb calm-ibis', 'rebooted']);
      assert.deepEqual([region.reported()[0], region.reported().at(-1)], ['WORKING started', 'OK written']);
      assert.deepEqual([...region.tokens], [TOKEN]);
      assert.deepEqual(region.reports, []);
    });
  }

  test('deploy uses the disk that the job names, by name or by serial number', async () => {
    const disks = { sda: filled(8), sdb: filled(4) };
    const sys = { 'block/sda/serial': 'SER 1\n' };
    for (const disk of ['sda', '/dev/sda', 'serial:SER 1']) {
      const { disks: after } = await run({ job: jobFor(image, 'raw', { disk }), disks, sys });
      assert.deepEqual(after.sda?.subarray(0, image.length), image, disk);
      assert.deepEqual(after.sdb, disks.sdb);
    }
  });

  test('a disk is recognised by the serial number in its facts, whatever its name', async () => {
    const disks = { sda: filled(4), sdb: filled(8) };
    const sys = { 'block/sda/serial': 'sdb\n', 'block/sdb/device/vpd_pg80': '\u0000\u0080\u0000\u0008  SER-2 ' };
    const { disks: after } = await run({ job: jobFor(image, 'raw', { disk: 'serial:SER-2' }), disks, sys });
    assert.deepEqual(after.sdb?.subarray(0, image.length), image);
    assert.deepEqual(after.sda, disks.sda);
    const named = await run({ job: jobFor(image, 'raw', { disk: 'sdb' }), disks, sys });
    assert.deepEqual(named.disks.sda, disks.sda, 'a serial number that looks like a name is not used as one');
  });

  const troubles: readonly (readonly [
    name: string,
    job: Readonly<Record<string, string>>,
    mib: Readonly<Record<string, number>>,
    stage: string,
    message: RegExp,
    functions?: string,
  ])[] = [
    [
      'an image with another hash than the job names',
      { image_sha256: '0'.repeat(64) },
      { sda: 8 },
      'writing',
      /has the sha256 [0-9a-f]{64}, not 0{64} \(tried 3 times\)/,
    ],
    [
      'an image that does not exist',
      { image_url: '/images/none' },
      { sda: 8 },
      'writing',
      /cannot be fetched \(after 0 bytes\): .*404/,
    ],
    ['no disk', {}, {}, 'partitioning', /disks found: none/],
    ['disks that are too small', {}, { sda: 2 }, 'partitioning', /no disk of 3145728 bytes or more; .*: 2097152 sda/],
    ['a named disk that is too small', { disk: 'sda' }, { sda: 2, sdb: 8 }, 'partitioning', /sda has 2097152 bytes/],
    ['a named disk that does not exist', { disk: 'sdz' }, { sda: 8 }, 'partitioning', /no disk sdz/],
    [
      'a serial number that no disk has',
      { disk: 'serial:GONE' },
      { sda: 8 },
      'partitioning',
      /serial number GONE; disks found: 8388608 sda,/,
    ],
    [
      'a disk that refuses writes',
      {},
      { sda: 8 },
      'writing',
      /the image cannot be written to sda/,
      'dev=/dev/full/none\n',
    ],
    ['an unknown job', { job: 'dance' }, {}, 'started', /no job called dance/],
  ];
  for (const [name, job, mib, stage, message, functions = ''] of troubles) {
    test(`${name} fails with its reason, and no disk is reported written`, async () => {
      const disks = Object.fromEntries(Object.entries(mib).map(([disk, size]) => [disk, filled(size)]));
      const { code, ends } = await run({ job: jobFor(image, 'raw', job), disks, functions });
      assert.equal(code, 1);
      assert.equal(region.reported().at(-1), `FAILED ${stage}`);
      assert.match(region.signals.at(-1)?.message ?? '', message);
      assert.equal(ends.includes('rebooted'), false);
    });
  }

  const ROOT_PLAN = `disk 1 sda
loader 1
partition 11 1 1 4 lvm 52616b62-0000-4000-8000-000000000011
group vg0 11
volume 12 vg0 root 3
system 12 ext4 52616b62-0000-4000-8000-000000000012
mount 12 - /
`;
  const plans: readonly [string, string, RegExp][] = [
    [
      'a disk that is not there',
      ROOT_PLAN.replace('sda', 'serial:GONE'),
      /needs the disk serial:GONE, which is not there; disks found: 8388608 sda,/,
    ],
    [
      'partitions that are too large for their disk',
      ROOT_PLAN.replace('1 1 4', '1 1 6'),
      /sda has 8388608 bytes, but its partitions need 9 MiB/,
    ],
    ['a line of an unknown kind', `${ROOT_PLAN}cache 1 2\n`, /does not know a line of the plan: cache 1 2/],
    [
      'a spare without a part',
      `${ROOT_PLAN}raid 13 md0 1.2 5-2 11 spare\n`,
      /does not know a line of the plan: raid 13/,
    ],
    ['a name with characters of a shell', ROOT_PLAN.replaceAll('vg0', 'v;0'), /does not know a line of the plan/],
    ['a place outside of the system', ROOT_PLAN.replace('- /', '- /../x'), /does not know a line of the plan/],
    ['a root without room for the image', ROOT_PLAN, /root of the layout has 3 MiB, .*6 MiB .* no disk was changed/],
    [
      'programs that the image lacks',
      ROOT_PLAN.replace('root 3', 'root 6'),
      /image has no lvm2, grub-\S+, which .* no disk was changed/,
    ],
  ];
  for (const [name, plan, message] of plans)
    test(`a plan of the disks with ${name} fails before a disk is changed`, async () => {
      region.files.set('/MAAS/rackboot/1/storage', Buffer.from(plan));
      const disks = { sda: filled(8) };
      const { code, disks: after } = await run({
        job: jobFor(image, 'raw', { storage_url: '/MAAS/rackboot/1/storage' }),
        disks,
      });
      assert.equal(code, 1);
      assert.equal(region.reported().at(-1), 'FAILED partitioning');
      assert.match(region.signals.at(-1)?.message ?? '', message);
      assert.deepEqual(after, disks);
    });

  test('a stalled download is restarted, and its failure names the bytes written so far', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.writeHead(200, { 'content-length': image.length });
      response.write(image.subarray(0, 65_536));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = portOf(server);
    // Process ids are the host's.
    const functions = `STALL_SECONDS_MAX=1
WRITE_TRIES_MAX=2
written_by() { sed -n 's/^pos:[^0-9]*//p' "/proc/$(cat "$1" 2>/dev/null || echo none)/fdinfo/1" 2>/dev/null || echo 0; }
`;
    const job = jobFor(image, 'raw', { image_url: `http://127.0.0.1:${port}/it` });
    const { code, ends } = await run({ job, disks: { sda: filled(8) }, functions });
    server.close();
    server.closeAllConnections();
    assert.deepEqual([code, asked, ends.includes('rebooted')], [1, 2, false]);
    assert.equal(region.reported().at(-1), 'FAILED writing');
    assert.match(
      region.signals.at(-1)?.message ?? '',
      /^the download has stalled: 65536 of 3145728 bytes are on sda, .*\(tried 2 times\)$/,
    );
    assert.ok(region.signals.some(({ message }) => /has stalled.*; trying again$/.test(message ?? '')));
  });

  test('a rack that does not answer for a while, as when it restarts, costs no try', async () => {
    const server = createServer((_request, response) => response.end(image));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    const job = jobFor(image, 'raw', { image_url: `http://127.0.0.1:${port}/it` });
    const running = run({ job, disks: { sda: filled(8) }, functions: 'WRITE_TRIES_MAX=1' });
    const isWaiting = () => region.signals.some(({ message }) => /refused.*; trying again$/.test(message ?? ''));
    while (!isWaiting()) await sleep(50);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const { code, disks: after } = await running;
    server.close();
    server.closeAllConnections();
    assert.equal(code, 0);
    assert.deepEqual(after.sda?.subarray(0, image.length), image);
  });

  test('the last signal is repeated until the region accepts it', async () => {
    const { code } = await run({ job: jobFor(image, 'raw'), disks: { sda: filled(8) }, refusals: [503, 503, 429] });
    assert.equal(code, 0);
    assert.equal(region.reported().at(-1), 'OK written');
  });

  test("a region that rejects this machine's signals ends the job before a disk is touched", async () => {
    const disks = { sda: filled(8) };
    const { code, disks: after } = await run({ job: jobFor(image, 'raw'), disks, refusals: [403] });
    assert.equal(code, 1);
    assert.deepEqual(after, disks);
  });

  const without: readonly [string, Omit<JobMachine, 'disks'>][] = [
    ['a region that knows no jobs', { job: undefined }],
    ['the job "none"', { job: { job: 'none' } }],
    ['a machine that enlists', { job: { job: 'erase', mode: 'all' }, purpose: 'enlist' }],
  ];
  for (const [statusName, purpose, ends] of [
    ['Commissioning', 'enlist', ['rebooted']],
    ['Deploying', 'enlist', ['rebooted']],
    ['Deployed', 'enlist', ['']],
    ['New', 'enlist', ['']],
    ['Commissioning', 'commissioning', ['']],
  ] as const) {
    test(`a machine that reports to ${purpose} and is ${statusName} ${ends[0] === '' ? 'ends' : 'starts again'}`, async () => {
      const outcome = await run({ job: undefined, disks: {}, purpose, statusName });
      assert.deepEqual([outcome.code, outcome.ends, region.reports.length], [0, ends, 1], outcome.said);
    });
  }

  for (const [name, machine] of without) {
    test(`${name} gets the facts and nothing else`, async () => {
      const disks = { sda: filled(4) };
      const { code, disks: after, said } = await run({ ...machine, disks });
      assert.equal(code, 0, said);
      assert.deepEqual([region.reports.length, region.reported(), after], [1, [], disks]);
    });
  }
});
