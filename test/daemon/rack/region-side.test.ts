// The reports that a rack keeps while its region is away: of each address, and of all together. The leases outside the dynamic ranges.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import {
  describeKnownHosts,
  findLeasesLeft,
  QUEUED_POST_ADDRESS_RATE,
  QUEUED_POST_RATE,
  RegionSide,
} from '../../../src/daemon/rack/region-side.ts';
import { type Ipv4, ipv4 } from '../../../src/ground/address.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { EventStream } from '../../../src/observe/event-stream.ts';
import { leaseAt, MAC_A, MAC_B, machine, NOW, subnet } from '../../dhcp/lab.ts';
import { ip } from '../../support/lab-facts.ts';

const ATTACKER = ipv4(0x0a14_0042);
const MACHINES = Array.from({ length: 200 }, (_, index) => ipv4(0x0a14_0100 + index));

function makeStandIn(context: TestContext) {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-region-side-'));
  context.after(() => rmSync(stateDir, { recursive: true }));
  const parsed = parseConfig(`
name: rack
state_dir: ${stateDir}
region: { mode: remote, url: "http://127.0.0.1:1/MAAS", api_key_file: ${stateDir}/key }
cluster_interfaces:
  - { name: lab, interface: lo, management: 0, ip: 10.20.0.1, network: 10.20.0.0/16 }
`);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const unused = (): never => assert.fail('nothing is gathered here');
  const side = new RegionSide({
    clock: { ...systemClock, now: () => now },
    version: '1',
    stream: new EventStream(),
    config: () => parsed.config,
    regionConfig: unused,
    describe: unused,
    measure: unused,
    knownHosts: describeKnownHosts(() => undefined),
    apply: unused,
    scan: unused,
    doTask: unused,
    onFatal: unused,
  });
  side.identify();
  return side.makePassing().standIn ?? assert.fail('no stand-in');
}

const now = systemClock.now();
const report = (peer: (typeof MACHINES)[number]) => ({
  peer,
  contentType: 'application/x-www-form-urlencoded',
  path: '/MAAS/api/2.0/machines/',
  body: Buffer.from('architecture=amd64'),
});

test('a host that reports endlessly does not prevent another machine’s report from being kept', async (context) => {
  const standIn = makeStandIn(context);
  const limited = 'too-many-reports';
  let kept = 0;
  for (let index = 0; index < 3000; index += 1) if ((await standIn.keep(report(ATTACKER))) !== limited) kept += 1;
  for (const machine of MACHINES) assert.notEqual(await standIn.keep(report(machine)), limited);
  assert.ok(kept >= MACHINES.length, `${kept}: as many as machines behind one router`);
});

test('KEPT_PER_ADDRESS reports of an address and KEPT_RATE of all are kept; then a machine must try again', async (context) => {
  const standIn = makeStandIn(context);
  const limited = 'too-many-reports';
  const keptOf = async (peer: (typeof MACHINES)[number], count: number): Promise<number> => {
    let kept = 0;
    for (let index = 0; index < count; index += 1) if ((await standIn.keep(report(peer))) !== limited) kept += 1;
    return kept;
  };
  const { burst } = QUEUED_POST_ADDRESS_RATE;
  assert.equal(await keptOf(ATTACKER, burst + 5), burst);
  const addresses = Math.ceil(QUEUED_POST_RATE.burst / burst);
  let all = burst;
  for (const peer of MACHINES.slice(0, addresses)) all += await keptOf(peer, burst);
  assert.equal(all, QUEUED_POST_RATE.burst);
  assert.equal(await keptOf(MACHINES.at(-1) ?? ATTACKER, 1), 0);
});

test('the leases that a change of the ranges leaves outside them are those that run, of addresses that were dynamic', () => {
  const range = (low: number, high: number) => ({ low: ipv4(0x0a140000 + low), high: ipv4(0x0a140000 + high) });
  const running = [100, 150, 199].map((last) => leaseAt(MAC_A, `10.20.0.${last}`, 300));
  const leases = [...running, leaseAt(MAC_A, '10.20.0.110', -1), leaseAt(MAC_A, '10.20.0.50', 300)];
  const find = (address: Ipv4) => leases.find((one) => one.address === address);
  const before = [subnet({ dynamic: range(100, 199), static: range(10, 99) })];
  const left = (dynamic: readonly [number, number], fixed: readonly [number, number]) =>
    findLeasesLeft(before, [subnet({ dynamic: range(...dynamic), static: range(...fixed) })], find, NOW).map(
      ({ address }) => address - 0x0a140000,
    );
  assert.deepEqual(left([100, 199], [10, 99]), []);
  assert.deepEqual(left([140, 199], [10, 99]), [100]);
  assert.deepEqual(left([200, 250], [10, 199]), [100, 150, 199]);
  assert.deepEqual(left([100, 199], [150, 199]), [150, 199], 'the static range comes first');
});

test('an address is dynamic by the configured networks, served now or not, and a static range within the dynamic one is not', () => {
  const range = (low: string, high: string) => ({ low: ip(low), high: ip(high) });
  const networks = [
    subnet({ dynamic: range('10.20.0.100', '10.20.0.199'), static: range('10.20.0.150', '10.20.0.159') }),
  ];
  const machines = new MachineDirectory([machine(MAC_A, '10.20.0.10', { statusName: 'Deploying' })]);
  const unused = { findRunningLeases: () => [], leases: () => [], findLease: () => undefined };
  const known = describeKnownHosts(() => ({ ...unused, machines, networks }));
  assert.deepEqual(
    ['10.20.0.99', '10.20.0.100', '10.20.0.155', '10.21.0.100'].map((address) => known.isDynamic(ip(address))),
    [false, true, false, false],
  );
  assert.deepEqual(
    [MAC_A, MAC_B].map((one) => [known.isMachine(one), known.isDeploying(one)]),
    [
      [true, true],
      [false, false],
    ],
  );
});
