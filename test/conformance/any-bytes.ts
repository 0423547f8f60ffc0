// A rack that is handed any bytes, and what must hold of each reply whatever they were.

import assert from 'node:assert/strict';
import { seconds } from '../../src/clock.ts';
import { replyBytesMax } from '../../src/dhcp/answers/reply.ts';
import { type DhcpMessage, decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { OPTION, optionAddress } from '../../src/dhcp/wire/options.ts';
import { readRelayInformation } from '../../src/dhcp/wire/relay-agent.ts';
import { ANY, formatIpv4, type Ipv4, macFromBytes, parseNetwork } from '../../src/net/address.ts';
import { config, hw, ip, MAC_B, machine, relayedSubnet, subnet } from '../dhcp/lab.ts';
import { BentDatagrams } from './bent-datagrams.ts';
import { numberOf } from './dhcp-datagram.ts';
import { serverOf, WireRack, type WireReply } from './wire-rack.ts';

const PRINTER = hw('52:54:00:00:01:10');
const ABSENT = hw('52:54:00:00:09:09');
/** Addresses that only their owner may get. */
const FIXED: ReadonlyMap<Ipv4, number> = new Map([
  [ip('10.20.0.30'), MAC_B],
  [ip('10.20.0.20'), PRINTER],
  [ip('10.20.0.107'), ABSENT],
]);
const PROXY = ip('10.21.0.1');
const OWN = [ip('10.20.0.1'), PROXY];
/** Dynamic and fixed addresses of both networks. */
const ADDRESSES_MAX = 10 + 10 + FIXED.size;
const COUNTED_EVERY = 64;
/** The last ones are those of a network in proxy mode, at both of its ports. */
const SOCKETS = ['eth1', '10.20.0.1', 'eth1', '10.20.0.1', 'eth2', '10.21.0.1', 'eth2:4011', '10.21.0.1:4011'] as const;

const SERVED = config(
  subnet({
    leaseTime: seconds(60),
    reservations: [
      { mac: PRINTER, address: ip('10.20.0.20'), hostname: 'printer' },
      // Inside the dynamic range.
      { mac: ABSENT, address: ip('10.20.0.107') },
    ],
  }),
  relayedSubnet(),
  subnet({
    ...{ name: 'proxied', interfaceName: 'eth2', serverAddress: ip('10.21.0.1'), router: undefined, proxy: true },
    network: parseNetwork('10.21.0.0/24') ?? { address: ANY, prefix: 0 },
    dynamic: undefined,
    static: undefined,
  }),
);
/** Tallies of a run. */
export interface AnyBytesReport {
  readonly datagrams: number;
  readonly malformed: number;
  readonly replies: Readonly<Record<string, number>>;
}

/**
 * Hands datagrams to a rack until `goesOn` says no, which is asked every 1000.
 * @throws Error with seed, number and bytes of the datagram after which something did not hold
 */
export async function handAnyBytes(
  seed: number,
  random: (below: number) => number,
  goesOn: (done: number) => boolean,
): Promise<AnyBytesReport> {
  const rack = await WireRack.start({ config: SERVED, machines: [machine(MAC_B, '10.20.0.30')] });
  const source = new BentDatagrams(random);
  const replies: Record<string, number> = {};
  let done = 0;
  for (; done % 1000 !== 0 || goesOn(done); done += 1) {
    const bytes = source.next();
    // The network overwrites what it handed over.
    const kept = Uint8Array.from(bytes);
    try {
      for (const reply of rack.hand(bytes, SOCKETS[random(SOCKETS.length)] ?? 'eth1')) {
        checkReply(reply, kept);
        replies[reply.type] = (replies[reply.type] ?? 0) + 1;
      }
      if (random(50) === 0) rack.clock.advance(random(90_000));
      if (random(2000) === 0) failOnce(rack);
      if (done % COUNTED_EVERY === 0) checkHeld(rack);
    } catch (error) {
      const hex = Buffer.from(kept).toString('hex');
      throw new Error(`SEED=${seed}, datagram ${done}: ${hex}`, { cause: error });
    }
    rack.events.length = 0;
  }
  checkHeld(rack);
  return { datagrams: done, malformed: rack.server.counters().messages.malformed, replies };
}

/** What a rack holds for its clients is bounded by its addresses. */
function checkHeld(rack: WireRack): void {
  const { leases, offers, waiting } = rack.server.counters();
  assert.ok(leases <= ADDRESSES_MAX, `${leases} records of leases`);
  assert.ok(offers <= ADDRESSES_MAX, `${offers} offers`);
  assert.equal(waiting, 0);
}

/** The disk refuses and comes back: what waited is gone, and nothing is left over. */
function failOnce(rack: WireRack): void {
  rack.journal.fail();
  rack.journal.recover();
}

function checkReply(reply: WireReply, bytes: Uint8Array): void {
  const decoded = decodeDhcpMessage(bytes);
  assert.ok(decoded.ok, 'what is answered was understood');
  const request = decoded.value;
  const own = decodeDhcpMessage(reply.bytes);
  assert.ok(own.ok, 'a reply decodes');
  assert.deepEqual([...own.value.options.keys()].sort(), [...reply.options.keys()].sort());
  assert.ok(reply.bytes.length <= replyBytesMax(request), `${reply.bytes.length} bytes`);
  assert.deepEqual([reply.op, reply.xid, reply.giaddr], [2, request.xid, request.giaddr]);
  assert.deepEqual(reply.chaddr, [...request.chaddr]);
  checkServer(reply, request);
  checkDestination(reply, request);
  if (reply.type === 'NAK') {
    assert.equal(reply.yiaddr, ANY);
    assert.equal(reply.options.has(51), false);
  } else if (reply.yiaddr !== ANY) checkAddress(reply, request);
}

function checkServer(reply: WireReply, request: DhcpMessage): void {
  const agent = request.options.get(OPTION.relayAgentInformation);
  const override = agent === undefined ? undefined : readRelayInformation(agent).serverIdentifierOverride;
  assert.equal(reply.options.get(54)?.length, 4);
  const server = serverOf(reply);
  // A boot server is asked at its own address, whatever a relay stands for.
  const isOwn = override === undefined || server === PROXY ? OWN.includes(server) : server === override;
  assert.ok(isOwn, formatIpv4(server));
}

/** Nobody outside of the networks hears an answer, but a relay; no relay is between a client and its boot server. */
function checkDestination({ to, type, by }: WireReply, { giaddr, ciaddr }: DhcpMessage): void {
  if (giaddr !== ANY && to.port === 67) assert.deepEqual(to, { kind: 'unicast', address: giaddr, port: 67 });
  else if (type === 'NAK') assert.equal(to.kind, 'broadcast');
  else if (giaddr !== ANY) assert.match(by, /:4011$/);
  if (to.kind === 'unicast' && to.port !== 67) {
    assert.equal(to.address, ciaddr);
    assert.match(formatIpv4(to.address), /^10\.(20|21|30)\.0\.\d+$/);
  }
}

function checkAddress(reply: WireReply, request: DhcpMessage): void {
  const { yiaddr } = reply;
  const shown = formatIpv4(yiaddr);
  const owner = FIXED.get(yiaddr);
  const client = macFromBytes(request.chaddr);
  if (owner !== undefined) assert.equal(client, owner, shown);
  else assert.match(shown, /^10\.(20|30)\.0\.10\d$/, 'only dynamic addresses are handed out');
  const [lease = 0, t1 = 0, t2 = 0] = [51, 58, 59].map((code) => numberOf(reply, code));
  assert.ok(lease >= 1 && lease < 0x8000_0000, `${lease} s`);
  assert.ok(t1 <= t2 && t2 <= lease, `${t1} ${t2} ${lease}`);
  const requested = optionAddress(request.options, OPTION.requestedAddress);
  if (reply.type === 'ACK' && requested !== undefined && request.ciaddr === ANY) assert.equal(yiaddr, requested);
}
