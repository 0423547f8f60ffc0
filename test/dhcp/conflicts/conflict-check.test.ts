// The stock of known-free addresses, in virtual time, on a wire that answers as the test says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyBootClient } from '../../../src/boot/client.ts';
import { CONFLICT_SHARE, PROBES_AHEAD_MAX, STOCK_CHECK_MS } from '../../../src/dhcp/conflicts/conflict-check.ts';
import { STOCK_FRESH_MS, STOCK_REFRESH_MS, STOCK_SIZE } from '../../../src/dhcp/conflicts/free-stock.ts';
import { HOLDER_MS_MAX } from '../../../src/dhcp/conflicts/last-holders.ts';
import { DHCP_EVENTS, type DhcpEvent } from '../../../src/dhcp/events/events.ts';
import { LeaseTable } from '../../../src/dhcp/leases/lease-table.ts';
import type { DhcpConfig } from '../../../src/dhcp/networks/config.ts';
import { DhcpServer } from '../../../src/dhcp/server.ts';
import { formatIpv4, type Ipv4, ipv4, type MacAddress, mac } from '../../../src/ground/address.ts';
import { later, seconds } from '../../../src/ground/clock.ts';
import { isProbeEvent, probeMac } from '../../../src/ground/own-probes.ts';
import { MachineDirectory } from '../../../src/machines/directory.ts';
import { hw, ip, RACK } from '../../support/lab-facts.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import {
  clientBytes,
  config,
  leaseAt,
  MAC_A,
  MAC_B,
  MAC_C,
  planByKind,
  settle,
  subnet,
  TestJournal,
  TestNetwork,
} from '../lab.ts';

const SQUATTER = hw('02:00:00:00:00:99');
/** A range of 1000 addresses. */
const MANY = {
  network: { address: ip('10.20.0.0'), prefix: 21 },
  dynamic: { low: ip('10.20.1.0'), high: ip('10.20.4.231') },
};
/** A range of 100 addresses: .100 to .199. */
const WIDE = { dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.199') } };

interface Wire {
  /** The host that answers for an address. */
  readonly users: Map<Ipv4, MacAddress>;
  /** Every probed address, in order. */
  readonly asked: Ipv4[];
  /** Whether the wire can be probed. */
  up: boolean;
  /** Answers arrive only when the test says so. */
  slow: boolean;
  readonly waiting: (() => void)[];
}

async function start(dhcpConfig: DhcpConfig = config(subnet(WIDE))) {
  const [network, journal, table, clock] = [new TestNetwork(), new TestJournal(), new LeaseTable(), new VirtualClock()];
  const events: DhcpEvent[] = [];
  const isDhcp = (kind: string): kind is DhcpEvent['kind'] => kind in DHCP_EVENTS;
  const wire: Wire = { users: new Map(), asked: [], up: true, slow: false, waiting: [] };
  const server = new DhcpServer({
    network,
    clock,
    journal,
    table,
    planBoot: planByKind,
    identifyClient: identifyBootClient,
    publish: (event) => {
      if (isDhcp(event.kind)) events.push({ ...event, kind: event.kind });
    },
    machines: () => new MachineDirectory([]),
    canProbe: () => wire.up,
    findConflict: async (address) => {
      wire.asked.push(address);
      if (wire.slow) await new Promise<void>((resolve) => wire.waiting.push(resolve));
      return wire.users.get(address);
    },
  });
  await server.configure(dhcpConfig);
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
    journal.commit();
  };
  /** The offer a client gets in the same turn; empty: none yet. */
  const offered = (client: MacAddress, requested?: Ipv4): readonly string[] => {
    network.deliver('eth1', clientBytes({ type: 'discover', mac: client, requested }));
    return network.take().map(({ message }) => formatIpv4(message.yiaddr));
  };
  const take = (client: MacAddress, address: Ipv4): void => {
    network.deliver('eth1', clientBytes({ type: 'request', mac: client, requested: address, server: RACK }));
    journal.commit();
    network.take();
  };
  const reported = (kind: DhcpEvent['kind']): readonly DhcpEvent[] => events.filter((event) => event.kind === kind);
  await pass(1);
  return { server, network, journal, table, clock, events, wire, pass, offered, take, reported };
}

test('a new client is offered at once an address that was probed before', async () => {
  const rig = await start();
  assert.equal(rig.wire.asked.length, STOCK_SIZE);
  const asked = new Set(rig.wire.asked);
  const [address] = rig.offered(MAC_A);
  assert.ok(address !== undefined && asked.has(ip(address)), 'no delay');
  assert.equal(rig.wire.asked.length, STOCK_SIZE, 'and it is not probed again');
  await rig.server.close();
  assert.equal(rig.clock.pending, 0);
});

test('given addresses are replaced, so that as many clients as the stock holds can come at once and more after them', async () => {
  const rig = await start();
  const given = new Set<string>();
  for (let index = 0; index < STOCK_SIZE; index += 1) {
    for (const address of rig.offered(mac(0x525400000100 + index))) given.add(address);
  }
  assert.equal(given.size, STOCK_SIZE, 'each at once, each its own');
  assert.deepEqual(rig.offered(MAC_B), [], 'the next one waits for a probe');
  await settle();
  assert.equal(rig.network.take().length, 1);
  await rig.pass(100);
  assert.equal(rig.offered(MAC_C).length, 1, 'the stock is full again');
});

test('after more clients than the stock holds, it is refilled at once, though they took the addresses being probed', async () => {
  const rig = await start();
  for (let index = 0; index < STOCK_SIZE; index += 1) rig.offered(mac(0x525400000100 + index));
  rig.wire.slow = true;
  const before = rig.wire.asked.length;
  await rig.pass(100);
  const probed = rig.wire.asked.slice(before);
  assert.equal(probed.length, STOCK_SIZE);
  probed.forEach((address, index) => {
    rig.offered(mac(0x525400000200 + index), address);
  });
  rig.wire.slow = false;
  for (const answer of rig.wire.waiting.splice(0)) answer();
  await settle();
  assert.equal(rig.network.take().length, STOCK_SIZE, 'each is offered what nobody uses');
  await rig.pass(100);
  assert.equal(rig.offered(MAC_C).length, 1, 'and the next waits for nothing');
});

test('an address in use is set aside before it is offered to anyone, and the event names its user', async () => {
  const rig = await start();
  const [first, second] = rig.wire.asked;
  assert.ok(first !== undefined && second !== undefined);
  const fresh = await start(config(subnet({ ...WIDE, dynamic: { low: first, high: ipv4(first + 99) } })));
  fresh.wire.users.set(ipv4(first + 30), SQUATTER);
  for (let index = 0; index < 60; index += 1) {
    fresh.offered(mac(0x525400000100 + index));
    await fresh.pass(100);
    fresh.network.take();
  }
  assert.equal(fresh.table.find(ipv4(first + 30))?.state, 'declined');
  assert.deepEqual(
    fresh.reported('dhcp.conflict').map(({ address, usedBy, mac: client }) => [address, usedBy, client]),
    [[ipv4(first + 30), '02:00:00:00:00:99', undefined]],
  );
  const offers = fresh.reported('dhcp.offer').map(({ address }) => address);
  assert.ok(offers.length === 60 && !offers.includes(ipv4(first + 30)));
});

test('a probe’s result is believed for some minutes, then the address is probed again', async () => {
  const rig = await start();
  const before = rig.wire.asked.length;
  await rig.pass(STOCK_REFRESH_MS - STOCK_CHECK_MS);
  assert.equal(rig.wire.asked.length, before);
  await rig.pass(3 * STOCK_CHECK_MS);
  assert.equal(rig.wire.asked.length, 2 * before);
  rig.wire.up = false;
  await rig.pass(STOCK_FRESH_MS + STOCK_CHECK_MS);
  assert.equal(rig.wire.asked.length, 2 * before);
  rig.wire.up = true;
  assert.deepEqual(rig.offered(MAC_A), [], 'old answers do not count');
});

test('an address heard on the wire is probed before it is offered', async () => {
  const rig = await start();
  const next = rig.wire.asked[0] ?? assert.fail();
  rig.wire.users.set(next, SQUATTER);
  rig.server.heard(next);
  const [address] = rig.offered(MAC_A);
  assert.ok(address !== undefined && ip(address) !== next);
  assert.deepEqual(rig.offered(MAC_B, next), [], 'also to a client that asks for it');
  await settle();
  rig.journal.commit();
  assert.equal(rig.table.find(next)?.state, 'declined');
  assert.notDeepEqual(
    rig.network.take().map(({ message }) => message.yiaddr),
    [next],
  );
});

test('a client that requests an address already being probed gets the result of that probe', async () => {
  const rig = await start();
  rig.wire.slow = true;
  for (const address of [...rig.wire.asked]) rig.server.heard(address);
  await rig.pass(STOCK_CHECK_MS);
  const running = rig.wire.waiting.length;
  const wanted = rig.wire.asked.at(-1) ?? assert.fail();
  assert.ok(running > 0);
  assert.deepEqual(rig.offered(MAC_A, wanted), []);
  assert.equal(rig.wire.waiting.length, running, 'no second probe');
  for (const answer of rig.wire.waiting.splice(0)) answer();
  await settle();
  assert.deepEqual(
    rig.network.take().map(({ message }) => message.yiaddr),
    [wanted],
  );
});

test('once every address was used, the one free for longest is probed ahead of need', async () => {
  const narrow = { dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.101') } };
  const rig = await start(config(subnet(narrow)));
  for (const client of [MAC_A, MAC_B]) {
    const [address = ''] = rig.offered(client);
    rig.take(client, ip(address));
    await rig.pass(1000);
  }
  rig.wire.asked.length = 0;
  rig.network.take();
  await rig.pass(700_000);
  await rig.pass(STOCK_CHECK_MS);
  const oldest = rig.table.all().toSorted((a, b) => a.expiresAt - b.expiresAt)[0]?.address;
  assert.ok(oldest !== undefined && rig.wire.asked.includes(oldest));
  assert.deepEqual(rig.offered(MAC_C), [formatIpv4(oldest)], 'at once');
});

test('in a range whose every address was used once, as many clients can come at once as the stock holds', async () => {
  const narrow = { dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.139') } };
  const rig = await start(config(subnet(narrow)));
  const at = rig.clock.now();
  const records = Array.from({ length: 40 }, (_, index) => ({
    address: ipv4(ip('10.20.0.100') + index),
    mac: mac(0x525400000100 + index),
    state: 'bound' as const,
    // In another order than the addresses.
    grantedAt: at,
    expiresAt: later(at, 1000 * (60 + ((index * 7) % 40))),
    duration: seconds(60),
  }));
  rig.server.adopt(records);
  rig.journal.commit();
  assert.equal(rig.table.size, 40);
  await rig.pass(700_000);
  await rig.pass(STOCK_CHECK_MS);
  const oldest = rig.table.all().toSorted((a, b) => a.expiresAt - b.expiresAt);
  const given = new Set<string>();
  for (let index = 0; index < STOCK_SIZE; index += 1) {
    for (const address of rig.offered(mac(0x525400000200 + index))) given.add(address);
  }
  assert.deepEqual(
    [...given],
    oldest.slice(0, STOCK_SIZE).map(({ address }) => formatIpv4(address)),
    'the oldest first',
  );
});

test('addresses that an import or a reservation gave to a client are not offered from the stock, and no client has to wait for them', async () => {
  const rig = await start();
  const [imported, reserved, ...others] = [...rig.wire.asked];
  assert.ok(imported !== undefined && reserved !== undefined && others.length > 0);
  const at = rig.clock.now();
  rig.server.adopt([
    {
      address: imported,
      mac: MAC_A,
      state: 'bound',
      grantedAt: at,
      expiresAt: later(at, 600_000),
      duration: seconds(600),
    },
  ]);
  rig.journal.commit();
  const [first = ''] = rig.offered(MAC_B);
  assert.ok(others.includes(ip(first)) || ip(first) === reserved, 'at once');
  const hosts = others.slice(0, 3).map((address, index) => ({ mac: mac(0x525400000300 + index), address }));
  await rig.server.configure(config(subnet({ ...WIDE, reservations: hosts })));
  await rig.pass(100);
  rig.wire.asked.length = 0;
  const given: string[] = [];
  for (let index = 0; index < STOCK_SIZE; index += 1) given.push(...rig.offered(mac(0x525400000100 + index)));
  assert.equal(given.length, STOCK_SIZE, 'the stock was filled up');
  assert.ok(!given.some((address) => hosts.some((host) => host.address === ip(address)) || ip(address) === imported));
});

test('an ended lease is not set aside because its client still uses the address: it may come back for it', async () => {
  const narrow = { dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.100') } };
  const rig = await start(config(subnet(narrow)));
  const [address = ''] = rig.offered(MAC_A);
  rig.take(MAC_A, ip(address));
  rig.wire.users.set(ip(address), MAC_A);
  await rig.pass(700_000);
  await rig.pass(STOCK_CHECK_MS);
  await rig.pass(STOCK_CHECK_MS);
  assert.equal(rig.table.find(ip(address))?.state, 'bound');
  assert.deepEqual(rig.offered(MAC_A), [], 'another host may use it by now');
  await settle();
  assert.deepEqual(
    rig.network.take().map(({ message }) => formatIpv4(message.yiaddr)),
    [address],
    'its own answer is not a conflict',
  );
});

test('two hundred machines powered on together each get an offer as soon as one probe takes', async () => {
  const network = { address: ip('10.20.0.0'), prefix: 22 };
  const rig = await start(config(subnet({ network, dynamic: { low: ip('10.20.1.0'), high: ip('10.20.3.199') } })));
  const given: Ipv4[] = [];
  for (let index = 0; index < 200; index += 1) given.push(...rig.offered(mac(0x525400000100 + index)).map(ip));
  assert.equal(given.length, STOCK_SIZE, 'at once');
  await settle();
  given.push(...rig.network.take().map(({ message }) => message.yiaddr));
  assert.equal(new Set(given).size, 200, 'each its own');
});

test('a host that answers for every address empties no range', async () => {
  const rig = await start(config(subnet({ ...WIDE, dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.139') } })));
  rig.wire.users.set(ip('10.20.0.139'), SQUATTER);
  for (let low = 0; low < 256; low += 1) rig.wire.users.set(ipv4(ip('10.20.0.0') + low), SQUATTER);
  for (let turn = 0; turn < 100; turn += 1) await rig.pass(STOCK_CHECK_MS);
  const declined = (): number => rig.server.leases().filter(({ state }) => state === 'declined').length;
  for (let index = 0; index < 20; index += 1) {
    rig.offered(mac(0x525400000100 + index));
    await rig.pass(100);
    rig.network.take();
  }
  assert.ok(declined() > 0 && declined() <= 40 * CONFLICT_SHARE, `${declined()} of 40 are set aside`);
  assert.equal(rig.reported('dhcp.probes-distrusted').length, 1);
  assert.equal(rig.offered(MAC_A).length, 1, 'and clients get addresses, at once');
});

test('nothing is probed if the operator or the host forbids it, nor for networks behind relays', async () => {
  const off = await start(config(subnet({ ...WIDE, conflictCheck: false })));
  assert.equal(off.offered(MAC_A).length, 1);
  assert.equal(off.offered(MAC_B, ip('10.20.0.150')).length, 1);
  const blind = await start();
  blind.wire.up = false;
  const asked = blind.wire.asked.length;
  assert.equal(blind.offered(MAC_A, ip('10.20.0.199')).length, 1);
  assert.deepEqual([off.wire.asked.length, blind.wire.asked.length], [0, asked]);
});

test('a network that is switched off, or whose range moves, leaves the stock', async () => {
  const rig = await start();
  const moved = { low: ip('10.20.0.200'), high: ip('10.20.0.239') };
  await rig.server.configure(config(subnet({ dynamic: moved })));
  await rig.pass(1);
  const [address = ''] = rig.offered(MAC_A);
  assert.ok(ip(address) >= moved.low && ip(address) <= moved.high, address);
  assert.equal(rig.wire.asked.at(-1) !== undefined && (rig.wire.asked.at(-1) ?? 0) >= moved.low, true);
});

test('no answer to a probe takes a running lease from its client', async () => {
  const narrow = { dynamic: { low: ip('10.20.0.100'), high: ip('10.20.0.100') } };
  const rig = await start(config(subnet(narrow)));
  const [address = ''] = rig.offered(MAC_A);
  rig.take(MAC_A, ip(address));
  rig.wire.users.set(ip(address), MAC_A);
  assert.deepEqual(rig.offered(MAC_A), [address], 'its firmware starts over, and is slow');
  await rig.pass(10_000);
  rig.offered(MAC_B);
  await rig.pass(100);
  assert.equal(rig.table.find(ip(address))?.state, 'bound');
  assert.equal(rig.table.find(ip(address))?.mac, MAC_A);
});

test('an address that its client got during the probe stays with it', async () => {
  const rig = await start();
  const wish = ip('10.20.0.190');
  const now = rig.clock.now();
  const ended = { grantedAt: later(now, -600_000), expiresAt: later(now, -60_000) };
  rig.table.load([{ ...leaseAt(MAC_A, '10.20.0.190', 0), ...ended }], now);
  rig.wire.slow = true;
  rig.wire.users.set(wish, SQUATTER);
  assert.deepEqual(rig.offered(MAC_A, wish), [], 'the probe runs');
  rig.take(MAC_A, wish);
  assert.equal(rig.table.find(wish)?.state, 'bound');
  for (const answer of rig.wire.waiting.splice(0)) answer();
  await rig.pass(100);
  assert.equal(rig.table.find(wish)?.state, 'bound', 'it finds out itself, and declines');
  assert.equal(rig.reported('dhcp.conflict').length, 1);
});

test('of 500 new clients at once none is offered an unprobed address', async () => {
  const rig = await start(config(subnet(MANY)));
  await rig.pass(100);
  rig.wire.slow = true;
  const unasked: string[] = [];
  let offers = 0;
  const look = (addresses: readonly string[]): void => {
    offers += addresses.length;
    unasked.push(...addresses.filter((address) => !rig.wire.asked.includes(ip(address))));
  };
  for (let index = 0; index < 500; index += 1) look(rig.offered(mac(0x525400000100 + index)));
  for (let round = 0; round < 5; round += 1) {
    for (const answer of rig.wire.waiting.splice(0)) answer();
    await settle();
    look(rig.network.take().map(({ message }) => formatIpv4(message.yiaddr)));
  }
  assert.deepEqual([offers, unasked], [500, []]);
  await rig.server.close();
});

test('the stocks of many networks are filled a few at a time, until all are full', async () => {
  const networks = Array.from({ length: 12 }, (_, index) =>
    subnet({
      name: `n${index}`,
      network: { address: ipv4(ip('10.60.0.0') + index * 256), prefix: 24 },
      dynamic: { low: ipv4(ip('10.60.0.100') + index * 256), high: ipv4(ip('10.60.0.199') + index * 256) },
      static: undefined,
    }),
  );
  const rig = await start(config(...networks));
  assert.equal(rig.wire.asked.length, PROBES_AHEAD_MAX);
  for (let look = 0; look < 3; look += 1) await rig.pass(100);
  assert.equal(new Set(rig.wire.asked).size, networks.length * STOCK_SIZE);
});

test('a last holder that still answers is not a conflict: it keeps the address, and others do not get it', async () => {
  const one = { low: ip('10.20.0.100'), high: ip('10.20.0.100') };
  const rig = await start(config(subnet({ dynamic: one, leaseTime: seconds(30) })));
  const [address] = [ip('10.20.0.100')];
  rig.offered(MAC_A);
  rig.take(MAC_A, address);
  assert.equal(rig.table.find(address)?.mac, MAC_A);
  rig.wire.users.set(address, MAC_A);
  await rig.pass(31_000);
  for (let turn = 0; turn < 5; turn += 1) {
    assert.deepEqual(rig.offered(MAC_B), [], 'another client waits for the wire, and gets nothing');
    await rig.pass(1000);
    assert.deepEqual(rig.network.take(), []);
    assert.equal(rig.table.find(address)?.state, 'bound');
    assert.deepEqual(rig.offered(MAC_A), ['10.20.0.100'], 'the machine that loads is never refused');
    await rig.pass(60_000);
  }
  assert.ok(rig.reported('dhcp.still-used').length > 0);
  assert.deepEqual(rig.reported('dhcp.conflict'), []);
  assert.deepEqual(rig.reported('dhcp.probes-distrusted'), []);
  rig.wire.users.delete(address);
  await rig.pass(60_000);
  rig.offered(MAC_B);
  await rig.pass(1000);
  assert.deepEqual(
    rig.network.take().map(({ message }) => message.yiaddr),
    [address],
    'when it answers no more, the address is for others',
  );
  await rig.server.close();
});

test('a host found using an address without a lease is a stranger to it the next time, too', async () => {
  const one = { low: ip('10.20.0.100'), high: ip('10.20.0.100') };
  const rig = await start(config(subnet({ dynamic: one })));
  const address = ip('10.20.0.100');
  rig.wire.users.set(address, SQUATTER);
  await rig.pass(STOCK_CHECK_MS + STOCK_FRESH_MS);
  assert.equal(rig.table.find(address)?.state, 'declined');
  await rig.pass(3_600_000);
  await rig.pass(STOCK_CHECK_MS);
  assert.equal(rig.table.find(address)?.state, 'declined', 'set aside again');
  assert.equal(rig.reported('dhcp.conflict').length, 2);
  await rig.server.close();
});

/** A range of 100 addresses that 100 hosts took and left, while one host answers for each in the name of its former holder. */
async function startDeserted() {
  const rig = await start(config(subnet({ ...WIDE, leaseTime: seconds(60) })));
  for (let index = 0; index < 100; index += 1) {
    const client = mac(0x525400001000 + index);
    let [address] = rig.offered(client);
    if (address === undefined) {
      await rig.pass(100);
      address = rig.network.take().map(({ message }) => formatIpv4(message.yiaddr))[0] ?? assert.fail();
    }
    rig.take(client, ip(address));
    rig.wire.users.set(ip(address), client);
    await rig.pass(100);
  }
  assert.equal(rig.table.size, 100);
  await rig.pass(61_000);
  return rig;
}

test('a host that answers in the names of last holders empties no range', async () => {
  const rig = await startDeserted();
  const served = new Set<MacAddress>();
  for (let second = 0; second < 30; second += 1) {
    for (let index = 0; index < 10; index += 1) {
      const client = mac(0x525400002000 + index);
      if (served.has(client)) continue;
      let [address] = rig.offered(client);
      await rig.pass(100);
      address ??= rig.network.take().map(({ message }) => formatIpv4(message.yiaddr))[0];
      if (address === undefined) continue;
      rig.take(client, ip(address));
      served.add(client);
    }
  }
  assert.equal(served.size, 10);
  assert.ok(
    rig.reported('dhcp.still-used').length <= 100 * CONFLICT_SHARE,
    `${rig.reported('dhcp.still-used').length} kept`,
  );
  assert.equal(rig.reported('dhcp.probes-distrusted').length, 1);
});

test('a last holder that keeps answering and asks for nothing becomes a stranger after some minutes', async () => {
  const one = { low: ip('10.20.0.100'), high: ip('10.20.0.100') };
  const rig = await start(config(subnet({ dynamic: one, leaseTime: seconds(30) })));
  rig.offered(MAC_A);
  rig.take(MAC_A, one.low);
  rig.wire.users.set(one.low, MAC_A);
  await rig.pass(31_000);
  const states = new Set<string | undefined>();
  for (let turn = 0; turn < 8; turn += 1) {
    rig.offered(MAC_B);
    await rig.pass(61_000);
    assert.deepEqual(rig.network.take(), [], 'it is given to no client');
    states.add(rig.table.find(one.low)?.state);
  }
  assert.deepEqual([...states], ['bound', 'declined']);
  assert.deepEqual(
    rig.reported('dhcp.conflict').map(({ usedBy }) => usedBy),
    ['52:54:00:00:00:0a'],
  );
  assert.ok(rig.reported('dhcp.still-used').length <= HOLDER_MS_MAX / 60_000);
});

test('a question of the doctor has no address probed: it sets nothing aside, keeps nothing and reports nothing', async () => {
  const one = { low: ip('10.20.0.100'), high: ip('10.20.0.100') };
  for (const user of [MAC_A, SQUATTER]) {
    const rig = await start(config(subnet({ dynamic: one, leaseTime: seconds(30) })));
    rig.offered(MAC_A);
    rig.take(MAC_A, one.low);
    rig.wire.users.set(one.low, user);
    // While its lease runs no stock of others is made of it.
    rig.wire.up = false;
    await rig.pass(31_000);
    rig.wire.up = true;
    const before = [rig.wire.asked.length, rig.events.length];
    for (const firmware of [0, 7, 11, 16]) {
      assert.deepEqual(rig.offered(probeMac(firmware)), ['10.20.0.100'], 'at once');
      await rig.pass(1000);
    }
    assert.deepEqual(
      [rig.wire.asked.length, rig.reported('dhcp.still-used'), rig.reported('dhcp.conflict')],
      [before[0], [], []],
    );
    const others = rig.events.slice(before[1]).filter((event) => !isProbeEvent(event));
    assert.deepEqual(others, [], 'no event that anybody would be shown');
    assert.equal(rig.table.find(one.low)?.state, 'bound');
    assert.deepEqual(rig.offered(MAC_B), [], 'for a machine it is probed');
    await rig.server.close();
  }
});
