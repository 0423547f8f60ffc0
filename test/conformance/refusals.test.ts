// Every message that gets no answer, or a NAK, has a reason with a name: each name is provoked here by a datagram, and is then in the
// metrics and, as a sample, in the log. A name that nothing provokes has no place in the table of refusals.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { addDhcp } from '../../src/daemon/observing/metrics.ts';
import { PROBES_RUNNING_MAX, PROBES_WAITING_MAX } from '../../src/dhcp/conflicts/conflict-check.ts';
import { DHCP_REFUSAL_NAMES, DHCP_REFUSALS, type DhcpRefusal } from '../../src/dhcp/events/refusals.ts';
import { IMPORT_REFUSALS } from '../../src/dhcp/import/lease-import.ts';
import { WAITING_MAX } from '../../src/dhcp/leases/durable-queue.ts';
import { mac } from '../../src/ground/address.ts';
import { EventStream } from '../../src/observe/event-stream.ts';
import { Exposition } from '../../src/observe/exposition.ts';
import { logEvents } from '../../src/observe/log.ts';
import { LogLevels } from '../../src/observe/log-levels.ts';
import { config, MAC_A, MAC_B, machine, relayedSubnet, settle, subnet } from '../dhcp/lab.ts';
import { parseExposition } from '../support/exposition.ts';
import { hw, ip, RACK } from '../support/lab-facts.ts';
import type { WireOption } from './dhcp-datagram.ts';
import { datagramOf, WireRack, type WireRackOptions, type Words } from './wire-rack.ts';

/** The exchange that leads to the reason. */
type Provocation = (rack: WireRack) => unknown;

interface Case {
  /** Another server must answer it, so no event reports it: only the metrics count it. */
  readonly quiet?: boolean;
  readonly options?: WireRackOptions;
  readonly provoke: Provocation;
}

const FAR = ip('10.30.0.1');
const WISH = ip('10.20.0.105');
const discover: Words = { type: 'discover' };
const select = (address: string): Words => ({ type: 'request', requested: ip(address), server: RACK });
const says =
  (...messages: readonly Words[]): Provocation =>
  (rack) => {
    for (const words of messages) rack.say(words);
  };
/** Another network on eth2, which a reload takes away. */
const second = (): ReturnType<typeof subnet> => ({
  ...relayedSubnet(),
  interfaceName: 'eth2',
  serverAddress: ip('10.30.0.2'),
});
/** A relay agent in no served network, which names one by subnet selection. */
const elsewhereRelayed = says({
  ...discover,
  giaddr: ip('198.51.100.7'),
  options: [[118, Buffer.from([10, 30, 0, 0])]],
});
const onlyOne = config(subnet({ dynamic: { low: WISH, high: WISH } }));
const owned = { machines: [machine(MAC_B, '10.20.0.30'), machine(hw('52:54:00:00:00:0f'), '10.20.0.31')] };
const conflicts = (answer: Promise<ReturnType<typeof hw> | undefined>): WireRackOptions => ({
  findConflict: () => answer,
});

/** As many new clients as may come, in a range for all of them, and one more than may be probed for. */
const MANY = {
  ...config(
    subnet({
      network: { address: ip('10.20.0.0'), prefix: 20 },
      dynamic: { low: ip('10.20.1.0'), high: ip('10.20.15.0') },
    }),
  ),
  newClientsPerSecond: 0,
};
const CROWD = Array.from({ length: PROBES_RUNNING_MAX + PROBES_WAITING_MAX + 1 }, (_, index) => ({
  ...discover,
  mac: mac(0x0200_0000_0000 + index),
}));

const BOOTS: WireOption = [60, Buffer.from('PXEClient:Arch:00007:UNDI:003016')];
const proxied = config(subnet({ proxy: true, dynamic: undefined, static: undefined }));

const CASES: ReadonlyMap<DhcpRefusal, Case> = new Map<DhcpRefusal, Case>([
  ['network-unknown', { provoke: says({ ...discover, giaddr: ip('10.99.0.1') }) }],
  ['relay-unknown', { options: { config: config(subnet(), relayedSubnet()) }, provoke: elsewhereRelayed }],
  [
    'relay-source-unknown',
    { provoke: (rack) => rack.say({ ...discover, giaddr: ip('10.20.0.2'), from: ip('198.51.100.7') }) },
  ],
  ['source-unserved', { provoke: (rack) => rack.say({ ...discover, from: ip('198.51.100.7') }, '10.20.0.1') }],
  [
    'other-wire',
    {
      options: { config: config(subnet(), second()) },
      provoke: (rack) => rack.say({ ...discover, options: [[118, Buffer.from([10, 20, 0, 0])]] }, 'eth2'),
    },
  ],
  [
    'interface-unserved',
    {
      options: { config: config(subnet(), second()) },
      provoke: (rack) => {
        // The networks change at once, the sockets follow.
        void rack.server.configure(config());
        rack.say(discover, 'eth2');
      },
    },
  ],
  [
    'interface-without-address',
    {
      provoke: async (rack) => {
        await rack.server.setInterfaces([{ name: 'eth1', addresses: [] }]);
        rack.say(discover);
      },
    },
  ],
  [
    'range-exhausted',
    {
      options: { config: onlyOne },
      provoke: (rack) => {
        rack.lease(MAC_A);
        rack.say({ ...discover, mac: MAC_B });
      },
    },
  ],
  ['no-dynamic-range', { options: { config: config(subnet({ dynamic: undefined })) }, provoke: says(discover) }],
  ['address-outside-range', { provoke: says(select('10.20.0.200')) }],
  ['address-excluded', { provoke: says(select('10.20.0.254')) }],
  ['address-reserved', { options: owned, provoke: says(select('10.20.0.30')) }],
  [
    'address-leased',
    {
      provoke: (rack) => {
        rack.lease(MAC_B, { requested: WISH });
        rack.say(select('10.20.0.105'));
      },
    },
  ],
  ['address-offered', { provoke: says({ ...discover, mac: MAC_B, requested: WISH }, select('10.20.0.105')) }],
  [
    'address-declined',
    {
      provoke: (rack) => {
        rack.lease(MAC_B, { requested: WISH });
        rack.say({ type: 'decline', mac: MAC_B, requested: WISH, server: RACK });
        rack.say(select('10.20.0.105'));
      },
    },
  ],
  ['not-a-request', { provoke: says({ ...discover, op: 2 }) }],
  ['bootp-unsupported', { provoke: says({}) }],
  ['hardware-unsupported', { provoke: says({ ...discover, mac: hw('01:00:5e:00:00:01') }) }],
  ['message-type-unknown', { provoke: says({ type: 'ack' }) }],
  ['other-server-chosen', { provoke: says({ ...select('10.20.0.200'), server: ip('10.20.0.66') }) }],
  ['address-not-named', { provoke: says({ type: 'request' }) }],
  ['no-record', { provoke: says({ type: 'request', requested: WISH }) }],
  ['wrong-network', { provoke: says({ type: 'request', requested: ip('10.99.0.1') }) }],
  [
    'fixed-address-differs',
    {
      provoke: (rack) => {
        rack.know(machine(MAC_A, '10.20.0.30'));
        rack.say({ type: 'request', requested: WISH });
      },
    },
  ],
  [
    'lease-differs',
    {
      provoke: (rack) => {
        const held = rack.lease(MAC_A)?.yiaddr;
        rack.say({ type: 'request', requested: held === WISH ? ip('10.20.0.106') : WISH });
      },
    },
  ],
  ['server-not-named', { provoke: says({ type: 'release', ciaddr: WISH }) }],
  ['client-address-impossible', { provoke: says({ type: 'inform', ciaddr: ip('10.20.0.255') }) }],
  ['sent-from-elsewhere', { provoke: says({ type: 'release', ciaddr: WISH, server: RACK, from: ip('10.20.0.106') }) }],
  ['not-the-holder', { provoke: says({ type: 'release', ciaddr: WISH, server: RACK }) }],
  [
    'no-server-address',
    {
      options: { config: config(subnet(), relayedSubnet()) },
      provoke: (rack) => {
        void rack.server.configure(config(relayedSubnet()));
        rack.say({ ...discover, giaddr: FAR });
      },
    },
  ],
  [
    'store-unavailable',
    {
      provoke: (rack) => {
        rack.journal.slow();
        rack.say(discover);
      },
    },
  ],
  [
    'queue-full',
    {
      provoke: (rack) => {
        rack.writes = false;
        const renewal = datagramOf({ type: 'request', ciaddr: WISH });
        for (let count = 0; count <= WAITING_MAX; count += 1) rack.network.deliver('eth1', Uint8Array.from(renewal));
      },
    },
  ],
  [
    'superseded',
    {
      provoke: (rack) => {
        rack.writes = false;
        rack.say(select('10.20.0.105'));
        rack.say({ type: 'release', ciaddr: WISH, server: RACK });
        rack.journal.commit();
      },
    },
  ],
  [
    'interface-gone',
    {
      provoke: async (rack) => {
        rack.writes = false;
        rack.say(select('10.20.0.105'));
        await rack.server.setInterfaces([]);
        rack.journal.commit();
      },
    },
  ],
  [
    'reply-late',
    {
      provoke: (rack) => {
        rack.writes = false;
        rack.say(select('10.20.0.105'));
        rack.clock.advance(11_000);
        rack.journal.commit();
      },
    },
  ],
  [
    'too-many-new-clients',
    {
      options: { config: { ...config(), newClientsPerSecond: 0.1 } },
      provoke: says(discover, { ...discover, mac: MAC_B }),
    },
  ],
  [
    'class-denied',
    {
      options: { config: config(subnet({ classes: [{ name: 'all', when: {}, deny: true }] })) },
      provoke: says(discover),
    },
  ],
  ['not-booting', { quiet: true, options: { config: proxied }, provoke: says(discover) }],
  [
    'proxy-silent',
    { quiet: true, options: { config: proxied }, provoke: says({ type: 'release', ciaddr: WISH, options: [BOOTS] }) },
  ],
  [
    'network-not-proxied',
    {
      options: { config: config(subnet(), { ...second(), proxy: true, dynamic: undefined }) },
      provoke: (rack) => rack.say({ type: 'request', ciaddr: WISH, options: [BOOTS] }, '10.30.0.2:4011'),
    },
  ],
  [
    'no-loader',
    { options: { config: proxied, planBoot: () => undefined }, provoke: says({ ...discover, options: [BOOTS] }) },
  ],
  [
    'probes-waiting',
    { options: { config: MANY, ...conflicts(new Promise(() => undefined)) }, provoke: says(...CROWD) },
  ],
  ['probe-running', { options: conflicts(new Promise(() => undefined)), provoke: says(discover, discover) }],
  [
    'address-in-use',
    {
      options: conflicts(Promise.resolve(hw('02:00:00:00:00:99'))),
      provoke: async (rack) => {
        rack.say(discover);
        await settle();
      },
    },
  ],
]);

/** The reasons that the log shows for these events, as JSON lines hold them. */
async function loggedReasons(rack: WireRack): Promise<readonly unknown[]> {
  const stream = new EventStream();
  const lines: string[] = [];
  const clock = rack.clock;
  const levels = new LogLevels({ level: 'info', levels: new Map() }, { clock, publish: () => undefined });
  logEvents(pino({ base: null }, { write: (line: string) => void lines.push(line) }), stream, levels);
  for (const event of rack.events) stream.publish(event);
  await stream.waitUntilDrained();
  return lines
    .map((line) => JSON.parse(line))
    .map(({ event, reason, msg }) => (msg === '' ? msg : `${event} ${reason}`));
}

for (const [reason, { options, provoke, quiet = false }] of CASES) {
  test(`${reason}: a datagram causes it, the metrics count it, the log reports it`, async () => {
    const rack = await WireRack.start(options);
    assert.equal(rack.refused(reason), 0);
    await provoke(rack);
    assert.ok(rack.refused(reason) > 0, 'it is counted');

    const out = new Exposition();
    addDhcp(out, { dhcp: rack.server });
    const refusals = parseExposition(out.text()).get('rackboot_dhcp_refusals_total')?.samples ?? [];
    assert.equal(refusals.find(({ labels }) => labels.reason === reason)?.value, rack.refused(reason));

    const reported = await loggedReasons(rack);
    assert.ok(
      quiet
        ? reported.length === 0
        : reported.includes(`dhcp.refused ${reason}`) || reported.includes(`dhcp.nak ${reason}`),
      `the log reports ${reason}: ${reported}`,
    );
    assert.match(DHCP_REFUSALS[reason], /^[A-Z].*\.$/, 'and the documents explain it');
  });
}

test('every name of a refusal is provoked above', () => {
  assert.deepEqual(
    DHCP_REFUSAL_NAMES.filter((name) => !CASES.has(name)),
    [],
  );
});

test('a thousand datagrams of one kind are each counted, and logged in a few lines that say how many they represent', async () => {
  const rack = await WireRack.start();
  for (let index = 0; index < 1000; index += 1) {
    rack.say({
      type: 'request',
      requested: ip('10.20.0.101'),
      mac: hw(`52:54:00:aa:${hex(index >> 8)}:${hex(index & 255)}`),
    });
  }
  rack.clock.advance(10_000);
  rack.say({ type: 'request', requested: ip('10.20.0.101'), mac: MAC_B });
  assert.equal(rack.refused('no-record'), 1001);
  const reported = rack.events.filter(({ kind, reason }) => kind === 'dhcp.refused' && reason === 'no-record');
  assert.ok(reported.length < 50, `${reported.length} lines`);
  assert.equal(
    reported.reduce((sum, { count }) => sum + (count ?? 1), 0),
    1001,
  );
});

test('a datagram that is not a message is counted as malformed, and the log says where it breaks', async () => {
  const rack = await WireRack.start();
  const whole = datagramOf(discover);
  const bad: readonly Uint8Array[] = [
    new Uint8Array(0),
    whole.subarray(0, 100),
    Uint8Array.from(datagramOf({ ...discover, op: 2 }), (byte, index) => (index === 236 ? 0 : byte)),
    Uint8Array.from(whole, (byte, index) => (index === 2 ? 17 : byte)),
    new Uint8Array(5000),
    datagramOf({ type: 'discover', options: [[52, [9]]] }),
  ];
  for (const bytes of bad) assert.deepEqual(rack.hand(Uint8Array.from(bytes)), []);
  assert.equal(rack.server.counters().messages.malformed, bad.length);
  for (const { kind, reason, field, offset } of rack.events) {
    assert.equal(kind, 'dhcp.malformed');
    assert.match(`${reason} in ${field} at byte ${offset}`, /^[a-z-]+ in [\w ]+ at byte \d+$/);
  }
});

test('a refusal names the relay, the address that names the network, and the switch port', async () => {
  const agent: WireOption = [82, [1, 6, ...Buffer.from('eth0/1'), 5, 4, 10, 98, 0, 0]];
  for (const [words, relay, wanted, circuitId] of [
    [{ giaddr: ip('10.99.0.1') }, '10.99.0.1', '10.99.0.1', undefined],
    [{ giaddr: ip('10.99.0.1'), options: [agent] }, '10.99.0.1', '10.98.0.0', 'eth0/1'],
    [{ options: [[118, [10, 97, 0, 0]]] }, undefined, '10.97.0.0', undefined],
  ] as const satisfies readonly (readonly [Words, ...unknown[]])[]) {
    const rack = await WireRack.start();
    rack.say({ ...discover, ...words });
    const reported = rack.events.find(({ kind }) => kind === 'dhcp.refused');
    assert.deepEqual(
      [reported?.reason, reported?.relay, reported?.wanted, reported?.circuitId],
      ['network-unknown', relay, wanted, circuitId],
    );
  }
});

test('a refusal for want of the disk names the relay too', async () => {
  const rack = await WireRack.start({ config: config(subnet(), relayedSubnet()) });
  rack.journal.slow();
  rack.say({ ...discover, giaddr: FAR });
  const reported = rack.events.find(({ reason }) => reason === 'store-unavailable');
  assert.deepEqual([reported?.relay, reported?.wanted], ['10.30.0.1', '10.30.0.1']);
});

test('a datagram that no client sent is reported with its source address', async () => {
  const rack = await WireRack.start();
  rack.network.from = ip('10.20.0.9');
  const sent = [datagramOf({ ...discover, op: 2 }), new Uint8Array(3)];
  for (const bytes of sent) rack.network.deliver('eth1', bytes);
  assert.deepEqual(
    rack.events.map(({ kind, from: source }) => [kind, source]),
    [
      ['dhcp.refused', '10.20.0.9'],
      ['dhcp.malformed', '10.20.0.9'],
    ],
  );
});

const REMEDIED: readonly DhcpRefusal[] = [
  ...(['interface-unserved', 'no-dynamic-range', 'address-excluded', 'bootp-unsupported'] as const),
  ...(['hardware-unsupported', 'not-the-holder', 'no-server-address'] as const),
];
test('a refusal that the operator can avoid names the remedy', () => {
  for (const reason of REMEDIED) assert.match(DHCP_REFUSALS[reason], /[;:] \w.+\.$/, reason);
  for (const reason of ['address-reserved', 'address-leased', 'address-excluded'] as const)
    assert.match(IMPORT_REFUSALS[reason], /; \w.+\.$/, reason);
});

const hex = (value: number): string => value.toString(16).padStart(2, '0');
