// While the region cannot work, leases, files and names are answered as before, and every event reaches it when it works again. Another
// process holds its database, or has written over it. Real sockets on loopback, by any user.
// @host alone

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { whileRunning } from '../support/child.ts';
import { inspectorOptions, runInThread } from '../support/daemon-thread.ts';
import { missing } from '../support/needs.ts';
import { askName, DhcpProbes, loadByHttp, loadByTftp, type Timed } from '../support/probes.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';
import { assertStoredAsLogged } from '../support/stored-acks.ts';

const PLACE = labPlace(112);
const INSPECTOR_PORT = 15_929;
const ADDRESS = `${PLACE.octets}.1`;
const HOLD_MS = 10_000;
const QUIET_MS = 4000;
/** The delay that a busy host may add to the slowest of a hundred answers; a wait for the region's database would be seconds. */
/** An answer that waited for the database would take seconds: HOLD_MS, or as long as the region tries. */
const SLACK_MS = 1500;
const SLACK_TIMES = 3;

/** Times of answers in milliseconds, by request. */
type Times = Record<'offer' | 'ack' | 'file by TFTP' | 'file by HTTP' | 'rendered' | 'name', number[]>;

/** Asks for everything, one after the other, for `ms` milliseconds. */
async function measure(probes: DhcpProbes, ms: number): Promise<Times> {
  const times: Times = { offer: [], ack: [], 'file by TFTP': [], 'file by HTTP': [], rendered: [], name: [] };
  const put = async (what: keyof Times, answer: Promise<Timed<unknown>>): Promise<void> => {
    times[what].push((await answer).ms);
  };
  const end = systemClock.now() + ms;
  // The network has a hundred addresses: the same machines ask again.
  const macs = Array.from({ length: 40 }, () => probes.newMac());
  for (let turn = 0; systemClock.now() < end; turn += 1) {
    const { offerMs, ackMs } = await probes.lease(macs[turn % macs.length]);
    times.offer.push(offerMs);
    times.ack.push(ackMs);
    await put('file by TFTP', loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0'));
    await put('rendered', loadByTftp(ADDRESS, PLACE.tftpPort, 'pxelinux.cfg/default'));
    await put('file by HTTP', loadByHttp(ADDRESS, PLACE.httpPort, '/lpxelinux.0'));
    await put('name', askName(ADDRESS, PLACE.dnsPort, 'lab.maas'));
    await sleep(20);
  }
  return times;
}

function percentile99(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * 0.99)] ?? 0;
}

/** Another process that begins to write and does not end. */
async function holdDatabase(path: string): Promise<ChildProcess> {
  const code = `const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(process.argv[1], { timeout: 5000 });
    database.exec('BEGIN EXCLUSIVE');
    console.log('held');
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['-e', code, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const { stdout } = holder;
  if (stdout !== null) await whileRunning(holder, once(stdout, 'data'));
  return holder;
}

/** The longest that the region takes to say its version, asked on end until `stop`. */
async function longestAnswer(isOver: () => boolean): Promise<number> {
  let longest = 0;
  while (!isOver()) {
    const startedAt = systemClock.now();
    await loadByHttp('127.0.0.1', PLACE.regionPort, '/MAAS/api/version/', 30_000).catch(() => undefined);
    longest = Math.max(longest, systemClock.now() - startedAt);
    await sleep(50);
  }
  return longest;
}

test('a region that waits for its database delays no lease, file or name', {
  skip: missing('linux'),
}, async () => {
  const rack = new RunningRack(PLACE);
  let probes = await DhcpProbes.open(PLACE);
  let holder: ChildProcess | undefined;
  try {
    await rack.startWhole();
    const before = await measure(probes, QUIET_MS);

    holder = await holdDatabase(join(rack.stateDir, 'region.db'));
    let over = false;
    const longest = longestAnswer(() => over);
    const during = await measure(probes, HOLD_MS);
    over = true;
    for (const what of ['offer', 'ack', 'file by TFTP', 'file by HTTP', 'rendered', 'name'] as const) {
      const [quiet, blocked] = [percentile99(before[what]), percentile99(during[what])];
      const said = `${what}: p99 ${quiet.toFixed(1)} ms, with the region blocked ${blocked.toFixed(1)} ms`;
      console.log(`# ${said} (${before[what].length} and ${during[what].length} answers)`);
      assert.ok(blocked <= quiet * SLACK_TIMES + SLACK_MS, said);
    }

    // A machine boots while the region stands still, and is enlisted when it continues. It needs the client port for itself.
    await probes.close();
    const boot = bootSimulatedMachine(PLACE, 300, (step) => {
      if (step.name === 'running') systemClock.schedule(1000, () => holder?.kill('SIGKILL'));
    });
    const outcome = await boot;
    assert.equal(outcome.kind, 'enlisted', JSON.stringify(outcome));
    assert.ok((await longest) > 1000, 'the region did stand still');
    const machines = machinesShape.parse(await rack.ask('/MAAS/api/2.0/machines/'));
    assert.deepEqual(
      machines.map(({ status_name }) => status_name),
      ['New'],
    );
    await eventually('every event is stored', async () => (await rack.status()).region?.eventsWaiting === 0, 20_000);
    await assertStoredAsLogged(rack);
    probes = await DhcpProbes.open(PLACE);
    assert.ok(await probes.leaseWithin(5000));
  } finally {
    holder?.kill('SIGKILL');
    await probes.close();
    await rack.remove();
  }
});

test('a region whose database is damaged while it runs says so, and comes back with a good one', {
  skip: missing('linux'),
}, async () => {
  const rack = new RunningRack(PLACE);
  const probes = await DhcpProbes.open(PLACE);
  const options = process.env.NODE_OPTIONS;
  const path = join(rack.stateDir, 'region.db');
  try {
    process.env.NODE_OPTIONS = inspectorOptions(INSPECTOR_PORT);
    await rack.startWhole();
    await probes.lease();
    await eventually('every event is stored', async () => (await rack.status()).region?.eventsWaiting === 0);
    // Within one turn nothing else is written.
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.kept${suffix}`);
    }
    writeFileSync(path, 'this is not a database, it is a letter. '.repeat(300));
    const from = rack.lines.length;
    await runInThread({ pid: rack.pid, inspectorPort: INSPECTOR_PORT, name: 'region' }, 'process.exit(7)');
    const refused = await rack.reported('region.down', {
      from,
      match: ({ reason }) => /region\.db/.test(String(reason)),
    });
    assert.match(String(refused.reason), /a damaged region database.*backup/);
    assert.ok(Number(refused.retryMs) > 0);
    assert.ok(await probes.leaseWithin(5000), 'leases continue');
    assert.equal((await rack.status()).region?.state, 'waiting');
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(path + suffix, { force: true });
      if (existsSync(`${path}.kept${suffix}`)) renameSync(`${path}.kept${suffix}`, path + suffix);
    }
    await rack.reported('region.up', { from, limitMs: 20_000 });
    await eventually('every event is stored', async () => (await rack.status()).region?.eventsWaiting === 0);
    await assertStoredAsLogged(rack);

    // A region that stands still does not keep the process from ending.
    const holder = await holdDatabase(path);
    await probes.lease();
    await sleep(300);
    const startedAt = systemClock.now();
    assert.equal(await rack.stop(), 0);
    assert.ok(systemClock.now() - startedAt < 25_000);
    holder.kill('SIGKILL');
  } finally {
    if (options === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = options;
    await probes.close();
    await rack.remove();
  }
});
