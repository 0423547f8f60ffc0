// A log that is not read, or cannot be written, costs only lines: the rack answers as usual, and ends in time.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { formatMac } from '../../src/ground/address.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { openLog } from '../../src/observe/log.ts';
import { missing } from '../support/needs.ts';
import { askName, DhcpProbes } from '../support/probes.ts';
import { eventually, RunningRack, runRackboot, startQuietly } from '../support/running-rack.ts';

const PLACE = labPlace(28);
/** More than a pipe holds (64 KiB at most), at two thirds of a kilobyte a lease. */
const LEASES = 120;
const LEASE_MS_MAX = 15_000;

interface Fifo {
  readonly path: string;
  readonly reader: number;
  readonly writer: number;
}

/** A FIFO that is open at both ends, and read only by `readAll`. */
function makeFifo(t: TestContext): Fifo {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-fifo-'));
  const path = join(directory, 'fifo');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  t.after(() => {
    closeSync(reader);
    closeSync(writer);
    rmSync(directory, { recursive: true });
  });
  return { path, reader, writer };
}

/** The present contents of the FIFO, by one system call: a writer that waits comes after it. Empty: none. */
function read({ reader }: Fifo): string {
  const buffer = Buffer.alloc(1024 * 1024);
  try {
    return buffer.toString('utf8', 0, readSync(reader, buffer));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return '';
    throw error;
  }
}

/** Reads the FIFO until it is empty. */
function readAll(fifo: Fifo): string {
  let text = '';
  for (let part = read(fifo); part !== ''; part = read(fifo)) text += part;
  return text;
}

describe('a stalled reader of standard output', { skip: missing('linux') }, () => {
  test('delays no OFFER and no name, loses no line that fits in memory, and the rack ends in time', async (t) => {
    const fifo = makeFifo(t);
    const rack = new RunningRack(PLACE, (text) => {
      return `${text.replace(`${PLACE.octets}.100`, `${PLACE.octets}.5`).replace(`${PLACE.octets}.199`, `${PLACE.octets}.250`)}log: { level: debug }\n`;
    });
    const daemon = await startQuietly(rack, fifo.writer);
    const probes = await DhcpProbes.open(PLACE);
    try {
      const macs = new Set<string>();
      for (let count = 0; count < LEASES; count += 1) {
        const lease = await probes.leaseWithin(LEASE_MS_MAX);
        assert.ok(lease, `lease ${count} was given`);
        macs.add(formatMac(lease.mac));
        if (count % 12 === 0) await askName(`${PLACE.octets}.1`, PLACE.dnsPort, 'lab.maas');
      }
      let text = read(fifo);
      // The output may be cut anywhere: only text up to a line end is a line.
      const lines = (): string[] => text.slice(0, text.lastIndexOf('\n')).split('\n');
      const leased = (): Set<string> =>
        new Set(
          lines()
            .map((line) => JSON.parse(line))
            .flatMap(({ event, mac }) => (event === 'dhcp.ack' ? [String(mac)] : [])),
        );
      // How many bytes fill a pipe depends on how they were written: it has 16 pages, and not every write begins where another ended.
      assert.ok(leased().size < LEASES, `the FIFO was full with ${text.length} bytes`);
      await eventually('the rest follows', () => {
        text += readAll(fifo);
        return leased().size >= LEASES;
      });
      assert.deepEqual(leased(), macs);
      assert.doesNotMatch(text, /"log\.gap"/);
      assert.equal(daemon.complaints(), '');

      for (let count = 0; count < LEASES; count += 1) assert.ok(await probes.leaseWithin(LEASE_MS_MAX));
      assert.equal(await daemon.stop(), 0, 'even with a full pipe');
      assert.match(daemon.complaints(), /^rackboot: the log standard output is blocked.* lost\n$/);
    } finally {
      await daemon.stop();
      await probes.close();
      await rack.remove();
    }
  });

  test('that goes away does not disturb the rack', async () => {
    const rack = new RunningRack(PLACE);
    const probes = await DhcpProbes.open(PLACE);
    const daemon = await startQuietly(rack, 'pipe');
    try {
      daemon.closeOutput();
      for (let count = 0; count < 3; count += 1) assert.ok(await probes.leaseWithin(LEASE_MS_MAX));
      await eventually('it complains', () => daemon.complaints().endsWith('\n'));
      assert.equal(await daemon.stop(), 0);
      assert.match(daemon.complaints(), /^rackboot: the log standard output cannot be written: EPIPE.*\n$/);
    } finally {
      await daemon.stop();
      await probes.close();
      await rack.remove();
    }
  });
});

describe('the log of a process', { skip: missing('linux') }, () => {
  test('bounds the waiting lines, and says once, in their place, how many were lost', async (t) => {
    const fifo = makeFifo(t);
    const log = openLog({ level: 'info', file: fifo.path, format: 'auto' });
    const sent = 6000;
    const filling = 'x'.repeat(300);
    for (let index = 0; index < sent; index += 1) log.logger.info({ index, filling });
    let text = '';
    await eventually('the gap is told', () => {
      text += readAll(fifo);
      return text.includes('log.gap');
    });
    log.logger.info({ index: sent });
    await eventually('lines follow', () => {
      text += readAll(fifo);
      return text.includes(`"index":${sent}`);
    });
    const seen: unknown[] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const gaps = seen.flatMap((line, at) => (hasNumber(line, 'missed') ? [{ at, missed: line.missed }] : []));
    assert.equal(gaps.length, 1);
    const { at = 0, missed = 0 } = gaps[0] ?? {};
    assert.ok(missed > 1000 && missed < sent - 1000, `${missed} of ${sent} lines are lost`);
    const indexes = seen.flatMap((line) => (hasNumber(line, 'index') ? [line.index] : []));
    assert.deepEqual(indexes, [...Array.from({ length: sent - missed }, (_, index) => index), sent]);
    assert.equal(at, sent - missed, 'the gap is told where it is');
  });

  test('writes the waiting lines when it is flushed, and does not wait for a stalled reader for ever', async (t) => {
    const fifo = makeFifo(t);
    const log = openLog({ level: 'info', file: fifo.path, format: 'auto' });
    const flushed = (): Promise<void> => new Promise((resolve) => log.logger.flush(() => resolve()));
    log.logger.info('one');
    await flushed();
    assert.match(readAll(fifo), /"one"/);
    for (let index = 0; index < 1000; index += 1) log.logger.info({ filling: 'x'.repeat(300) });
    t.mock.method(console, 'error', () => undefined);
    const before = systemClock.now();
    await flushed();
    const took = systemClock.now() - before;
    assert.ok(took > 500, `${took} ms`);
    log.logger.info('last');
    await eventually('the rest follows', () => readAll(fifo).includes('"last"'));
  });

  test('reopens its file by name, and no line is lost or written twice', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-log-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'made', 'on', 'the', 'way', 'rackboot.log');
    const log = openLog({ level: 'info', file, format: 'auto' });
    const total = 500;
    for (let index = 0; index < total; index += 1) {
      log.logger.info({ index });
      if (index % 100 === 50) {
        await sleep(5);
        // Under load the file may not be created again yet.
        await eventually('the file is there', () => existsSync(file));
        execFileSync('mv', [file, join(directory, `log-${index}`)]);
        log.reopen();
      }
    }
    await new Promise<void>((resolve) => log.logger.flush(() => resolve()));
    const parts = [50, 150, 250, 350, 450].map((index) => join(directory, `log-${index}`));
    const lines = [...parts, file].flatMap((path) =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    );
    const indexes = lines.flatMap((text) => {
      const line: unknown = JSON.parse(text);
      return hasNumber(line, 'index') ? [line.index] : [];
    });
    assert.deepEqual(
      indexes,
      Array.from({ length: total }, (_, index) => index),
    );
  });
});

function hasNumber<Name extends string>(value: unknown, name: Name): value is Record<Name, number> {
  return typeof value === 'object' && value !== null && name in value && typeof Reflect.get(value, name) === 'number';
}

describe('an impossible log file', { skip: missing('linux') }, () => {
  const rack = new RunningRack(PLACE);
  const good = readFileSync(rack.configFile, 'utf8');
  const cases: readonly { readonly name: string; readonly file: string }[] = [
    { name: 'in /proc, below a directory that is not there', file: '/proc/rackboot/rackboot.log' },
    { name: 'in /proc', file: '/proc/rackboot.log' },
    { name: 'below a file', file: `${rack.configFile}/rackboot.log` },
    { name: 'that is a directory', file: rack.stateDir },
  ];
  for (const { name, file } of cases) {
    test(`${name}, ends the start with one line`, async () => {
      rack.configure(`${good}log: { file: ${JSON.stringify(file)} }\n`);
      const ended = await runRackboot(['run', '--config', rack.configFile], { endMsMax: 30_000 });
      assert.equal(ended.code, 1, ended.output.join('\n'));
      assert.equal(ended.complaints.length, 1, ended.complaints.join('\n'));
      assert.match(ended.complaints[0] ?? '', /^rackboot: the log \S+ cannot be written: .*set log\.file/);
      assert.ok(ended.complaints[0]?.includes(file));
    });
  }
  test('is repaired: the next start serves', async () => {
    rack.configure(good);
    await rack.startWhole();
    assert.equal(await rack.stop(), 0);
    await rack.remove();
  });
});
