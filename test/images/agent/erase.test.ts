// Erases simulated disks with the agent's own script.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missing } from '../../support/needs.ts';
import { AgentRuns, type JobMachine } from './agent-run.ts';

const MIB = 1024 * 1024;
const filled = (mib: number): Buffer => Buffer.alloc(mib * MIB, 0x5a);

/** Disks that can discard, and the program that does it: the disk is $1. */
const discarding = (program: string) => ({
  sys: { 'block/sda/queue/discard_max_bytes': '2147450880\n' },
  functions: `blkdiscard() { ${program}; }\n`,
});

describe('an erasure', { skip: missing('busybox') }, () => {
  const runs = new AgentRuns();
  const { region } = runs;
  const run = (machine: JobMachine) => runs.run(machine);
  before(() => runs.open());
  after(() => runs.close());

  test('of signatures clears both ends of every disk and of every partition, and nothing between', async () => {
    const disks = { sda: filled(64), nvme0n1: filled(4) };
    const sys = {
      'block/sda/sda1/start': `${24 * 2048}\n`,
      'block/sda/sda1/size': `${8 * 2048}\n`,
      'block/sda/sda1/partition': '1\n',
      'block/nvme0n1/nvme0n1p1/start': '2048\n',
      'block/nvme0n1/nvme0n1p1/size': '20480000\n',
      'block/nvme0n1/nvme0n1p1/partition': '1\n',
      'block/sr0/size': '1000\n',
      'block/mmcblk0boot0/size': '1000\n',
      'block/nvme0c0n1/size': '1000\n',
      'block/nvme0c0n1/hidden': '1\n',
      'block/sdc/size': '1000\n',
      'block/sdc/removable': '1\n',
    };
    const { code, disks: now, said } = await run({ job: { job: 'erase', mode: 'signatures' }, disks, sys });
    assert.equal(code, 0, said);
    const spans: readonly (readonly [from: number, to: number, byte: number])[] = [
      [0, 16, 0],
      [16, 24, 0x5a],
      [24, 25, 0],
      [25, 31, 0x5a],
      [31, 32, 0],
      [32, 48, 0x5a],
      [48, 64, 0],
    ];
    for (const [from, to, byte] of spans) {
      assert.ok(
        now.sda?.subarray(from * MIB, to * MIB).every((one) => one === byte),
        `MiB ${from} to ${to}`,
      );
    }
    assert.deepEqual(now.nvme0n1, Buffer.alloc(4 * MIB));
    assert.equal(region.reported().at(-1), 'OK erased');
    assert.equal(region.signals[0]?.message, 'erasing (signatures): nvme0n1 sda ');
    assert.equal(region.signals.at(-2)?.done_bytes, String(68 * MIB));
  });

  test('of everything leaves no byte, and reports its progress in bytes of all disks', async () => {
    const disks = { sda: filled(9), sdb: Buffer.alloc(3 * MIB + 512, 1) };
    const { code, disks: now, said } = await run({ job: { job: 'erase', mode: 'all' }, disks });
    assert.equal(code, 0, said);
    assert.deepEqual(now, { sda: Buffer.alloc(9 * MIB), sdb: Buffer.alloc(3 * MIB + 512) });
    const steps = region.signals.map(({ stage, done_bytes: done, total_bytes: total }) => [stage, done, total]);
    const total = String(12 * MIB + 512);
    assert.deepEqual(steps, [
      ['erasing', '0', total],
      ['erasing', String(9 * MIB), total],
      ['erasing', total, total],
      ['erased', undefined, undefined],
    ]);
  });

  test('discards where that leaves only zeroes on the disk, and then writes nothing', async () => {
    const { functions, sys } = discarding('head -c 9437184 /dev/zero >"$1"');
    const none = 'write_device() { echo written >>"$RACKBOOT_TMP/ends"; }\n';
    const machine = { job: { job: 'erase', mode: 'all' }, disks: { sda: filled(9) }, sys, functions: functions + none };
    const { code, disks, ends, said } = await run(machine);
    assert.equal(code, 0, said);
    assert.match(said, /sda has discarded everything, and reads as zeroes/);
    assert.deepEqual(disks.sda, Buffer.alloc(9 * MIB));
    assert.deepEqual(ends, ['']);
  });

  const liars: readonly [string, string, Buffer][] = [
    ['succeeds and does nothing', ':', filled(9)],
    ['succeeds and does nothing, though most of it was empty', ':', Buffer.alloc(9 * MIB)],
    ['skips the last part', 'dd if=/dev/zero of="$1" bs=1M count=8 conv=notrunc 2>/dev/null', filled(9)],
    ['returns other bytes', 'tr "\\0" "\\377" </dev/zero | head -c 9437184 >"$1"', filled(9)],
    ['refuses', 'return 1', filled(9)],
  ];
  for (const [name, program, disk] of liars) {
    test(`writes zeroes to a disk whose discarding ${name}`, async () => {
      const { functions, sys } = discarding(program);
      const { code, disks, said } = await run({
        job: { job: 'erase', mode: 'all' },
        disks: { sda: disk },
        sys,
        functions,
      });
      assert.equal(code, 0, said);
      assert.doesNotMatch(said, /has discarded/);
      assert.deepEqual(disks.sda, Buffer.alloc(9 * MIB));
    });
  }

  const failures: readonly [string, JobMachine, RegExp][] = [
    ['an unknown mode', { job: { job: 'erase', mode: 'x' }, disks: { sda: filled(1) } }, /mode x is unknown/],
    [
      'a read-only disk, before it touches any other',
      { job: { job: 'erase', mode: 'all' }, disks: { sda: filled(4), sdb: filled(4) }, sys: { 'block/sdb/ro': '1\n' } },
      /^sdb is read-only/,
    ],
    ['no disk at all', { job: { job: 'erase', mode: 'all' }, disks: {} }, /shows no disk/],
    [
      'a disk that refuses writes',
      { job: { job: 'erase', mode: 'signatures' }, disks: { sda: filled(4) }, functions: 'dev=/dev/full/none\n' },
      /^sda cannot be written: .*directory/,
    ],
    [
      'a disk that fails while it is zeroed',
      {
        job: { job: 'erase', mode: 'all' },
        disks: { sda: filled(4) },
        functions:
          'write_device() { echo "dd: write error: Input/output error" >"$work/dd.err"; echo 1 >"$work/dd.status"; }\n',
      },
      /^sda cannot be written: dd: write error: Input\/output error/,
    ],
  ];
  for (const [name, machine, message] of failures) {
    test(`fails with the reason for ${name}`, async () => {
      const { code, disks, said } = await run(machine);
      assert.equal(code, 1, said);
      assert.equal(region.reported().at(-1), 'FAILED erasing');
      assert.match(region.signals.at(-1)?.message ?? '', message);
      assert.deepEqual(disks, machine.disks);
    });
  }
});
