// A million leases: imported from Kea's file into a stopped rack, loaded by a real daemon, and listed while clients
// get their addresses. Every client has a name of its own, which DNS answers. Prints the time and memory of each step.
// @host alone

import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { createWriteStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { formatIpv4, formatMac, ipv4, mac as macOf, parseIpv4 } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { addressOf, DhcpProbes } from '../support/probes.ts';
import { RunningRack, runRackboot } from '../support/running-rack.ts';

const LEASES = Number(process.env.LEASES ?? 1_000_000);
const PLACE = labPlace(84);
/** 127.160.0.0/11 holds the lab's 127.161.0.1 and, behind it, room for a million. */
const LOW = parseIpv4('127.163.0.0') ?? 0;
const MAC = 0x5254_1000_0000;
/** Bounds with a wide margin: a thing that grows faster than it should is found, a slow host is not. */
const BASE_BYTES_MAX = 250_000_000;
/** Record, places in the table and the pool, the region's view, and the name. */
const LEASE_BYTES_MAX = 1300;

const nameOf = (index: number): string => `host-${index}`;

const widened = (text: string): string =>
  text
    .replace(`network: ${PLACE.octets}.0/24`, 'network: 127.160.0.0/11')
    .replace(`ip_range_low: ${PLACE.octets}.100`, 'ip_range_low: 127.163.0.0')
    .replace(`ip_range_high: ${PLACE.octets}.199`, 'ip_range_high: 127.180.255.255');

function* rows(): Generator<string> {
  const end = Math.floor(systemClock.wallTimeMs() / 1000) + 86_400;
  yield 'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n';
  for (let from = 0; from < LEASES; from += 1000) {
    let piece = '';
    for (let index = from; index < Math.min(LEASES, from + 1000); index += 1) {
      const mac = formatMac(macOf(MAC + index));
      piece += `${formatIpv4(ipv4(LOW + index))},${mac},01:${mac},86400,${end},1,0,0,${nameOf(index)},0,\n`;
    }
    yield piece;
  }
}

test(`${LEASES} leases are taken over, loaded and listed`, {
  skip: missing('linux'),
}, async (t) => {
  const rack = new RunningRack(PLACE, widened);
  let probes: DhcpProbes | undefined;
  t.after(async () => {
    await probes?.close();
    await rack.remove();
  });
  const timed = async <T>(what: string, action: () => Promise<T>): Promise<{ result: T; ms: number }> => {
    const from = systemClock.now();
    const result = await action();
    const ms = systemClock.now() - from;
    console.log(`# ${what}: ${Math.round(ms)} ms`);
    return { result, ms };
  };
  const run = (...words: string[]) =>
    runRackboot(['leases', ...words, '--config', rack.configFile], { endMsMax: 900_000 });

  const start = (): Promise<unknown> => rack.start();
  const { ms: emptyMs } = await timed('start without a lease', start);
  await rack.stop();
  const file = join(rack.directory, 'kea-leases4.csv');
  await pipeline(rows(), createWriteStream(file));
  const { result: done, ms: importMs } = await timed('import into a stopped rack', () => run('import', file));
  assert.deepEqual([done.code, done.complaints], [0, []], done.output.slice(-3).join('\n'));
  assert.match(done.output.at(-1) ?? '', new RegExp(`^${LEASES} leases were imported`));
  console.log(`# leases.db: ${Math.round(statSync(join(rack.stateDir, 'leases.db')).size / LEASES)} bytes a lease`);

  const { ms: startMs } = await timed('start', start);
  const resident = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${rack.pid}/status`, 'latin1'))?.[1]) * 1024;
  console.log(`# resident: ${Math.round(resident / 1_000_000)} MB, ${Math.round(resident / LEASES)} bytes a lease`);
  assert.ok(resident < BASE_BYTES_MAX + LEASES * LEASE_BYTES_MAX, `${resident} bytes`);
  // Loading and naming stored leases is less work than reading, judging and storing them.
  assert.ok(startMs - emptyMs < importMs, `${startMs} ms to start, ${importMs} ms to import`);
  const resolver = new Resolver();
  resolver.setServers([`${PLACE.octets}.1:${PLACE.dnsPort}`]);
  for (const index of [0, Math.floor(LEASES / 3), LEASES - 1]) {
    assert.deepEqual(await resolver.resolve4(`${nameOf(index)}.maas`), [formatIpv4(ipv4(LOW + index))]);
  }

  probes = await DhcpProbes.open(PLACE);
  const asking = probes;
  let isListing = true;
  const acks: number[] = [];
  const askOn = async (): Promise<void> => {
    for (let index = 0; isListing; index += 997) {
      const lease = await asking.leaseWithin(30_000, macOf(MAC + (index % LEASES)));
      assert.equal(lease && addressOf(lease), formatIpv4(ipv4(LOW + (index % LEASES))));
      acks.push(lease === undefined ? 0 : lease.offerMs + lease.ackMs);
    }
  };
  const client = askOn();
  const { result: list } = await timed('list as CSV while a client asks', () => run('list', '--csv'));
  isListing = false;
  await client;
  assert.equal(list.output.length, LEASES + 1);
  assert.match(list.output[2] ?? '', /^127\.163\.0\.1,52:54:10:00:00:01,bound,lab,/);
  assert.match(list.output[2] ?? '', /,host-1,/);
  acks.sort((a, b) => a - b);
  console.log(`# ${acks.length} exchanges meanwhile, the slowest ${Math.round(acks.at(-1) ?? 0)} ms`);
});
