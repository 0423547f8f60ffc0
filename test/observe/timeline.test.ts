// The timeline: boots are separated, repetitions are counted, bounds hold, and a flood of invented machines does not displace boots.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../src/ground/address.ts';
import { instant } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { HTTP_EVENTS } from '../../src/http/events.ts';
import { EventStream } from '../../src/observe/event-stream.ts';
import { composeEventText } from '../../src/observe/event-text.ts';
import {
  FOLLOWERS_MAX,
  MACHINES_MAX,
  NEW_HOST_RATE,
  QUIET_MS,
  STEPS_MAX,
  STEPS_PER_MACHINE_MAX,
  Timeline,
} from '../../src/observe/timeline.ts';
import { findWaiting } from '../../src/observe/waiting.ts';
import { describeWaiting } from '../../src/observe/waiting-words.ts';
import { TFTP_EVENTS } from '../../src/tftp/events.ts';

const MAC = mac(0x525400123456);
const ADDRESS = ipv4(0x0a140064);

/** An event of the machine, `seconds` into the test. */
function at(seconds: number, kind: string, fields: Readonly<Record<string, unknown>> = {}): RackEvent {
  return { kind, at: instant(1_000_000 + seconds * 1000), mac: MAC, address: ADDRESS, ...fields };
}

function timelineOf(...events: readonly RackEvent[]): { readonly timeline: Timeline; readonly hints: RackEvent[] } {
  const hints: RackEvent[] = [];
  const timeline = new Timeline((event) => void hints.push(event));
  for (const event of events) timeline.take(event);
  return { timeline, hints };
}

const boots = (timeline: Timeline): string =>
  (timeline.find(MAC) ?? [])
    .map(({ boot, event, times }) => `${boot}:${event.kind}${times > 1 ? `×${times}` : ''}`)
    .join(' ');

const BIOS = { client: 'bios', file: 'lpxelinux.0' };
const IPXE = { client: 'ipxe', file: 'http://10.20.0.1:5248/ipxe.cfg' };
const LINUX = 'amd64/generic/bookworm/commissioning/linux';

const BOOTS: readonly (readonly [string, readonly RackEvent[], string])[] = [
  [
    'firmware, loader, kernel and the system that it runs are one boot',
    [
      at(0, 'dhcp.offer', BIOS),
      at(1, 'dhcp.ack', BIOS),
      at(2, 'tftp.sent', { file: 'lpxelinux.0' }),
      at(3, 'http.rendered', { file: '/pxelinux.cfg/default', purpose: 'enlist' }),
      at(4, 'http.file-sent', { file: LINUX }),
      at(9, 'dhcp.offer'),
      at(9, 'dhcp.ack'),
      at(10, 'http.posted', { file: '/MAAS/api/2.0/machines/', status: 200 }),
    ],
    '1:dhcp.offer 1:dhcp.ack 1:tftp.sent 1:http.rendered 1:http.file-sent 1:dhcp.offer 1:dhcp.ack 1:http.posted',
  ],
  [
    'firmware that asks again after it loaded something begins another boot',
    [
      at(0, 'dhcp.offer', BIOS),
      at(1, 'dhcp.ack', BIOS),
      at(2, 'tftp.sent', { file: 'lpxelinux.0' }),
      at(60, 'dhcp.offer', BIOS),
    ],
    '1:dhcp.offer 1:dhcp.ack 1:tftp.sent 2:dhcp.offer',
  ],
  [
    'iPXE that firmware has loaded continues with its boot, and begins another only after a kernel',
    [
      at(0, 'dhcp.offer', BIOS),
      at(2, 'tftp.sent', { file: 'undionly.kpxe' }),
      at(3, 'dhcp.offer', IPXE),
      at(4, 'http.rendered', { file: '/ipxe.cfg', purpose: 'enlist' }),
      at(5, 'http.file-sent', { file: LINUX }),
      at(30, 'dhcp.offer', IPXE),
    ],
    '1:dhcp.offer 1:tftp.sent 1:dhcp.offer 1:http.rendered 1:http.file-sent 2:dhcp.offer',
  ],
  [
    'a sighting after a start of the rack, or word of the region, is not a boot, and the boot that follows is the first',
    [
      at(0, 'net.neighbour-new', { interface: 'eth1' }),
      at(1, 'machine.known', { name: 'calm-ibis' }),
      at(2, 'dhcp.expired'),
      at(200, 'dhcp.offer', BIOS),
      at(201, 'net.neighbour-moved', { interface: 'eth1' }),
    ],
    '0:net.neighbour-new 0:machine.known 0:dhcp.expired 1:dhcp.offer 1:net.neighbour-moved',
  ],
  [
    'a machine that is off and asks for routers has no steps of it',
    [at(0, 'dhcp.offer', BIOS), at(1, 'net.router-answered', { interface: 'eth1' }), at(2, 'dhcp.ack', BIOS)],
    '1:dhcp.offer 1:dhcp.ack',
  ],
  [
    'iPXE that is firmware begins another boot when it asks again',
    [
      at(0, 'dhcp.offer', IPXE),
      at(1, 'http.rendered', { file: '/ipxe.cfg', purpose: 'local' }),
      at(40, 'dhcp.offer', IPXE),
    ],
    '1:dhcp.offer 1:http.rendered 2:dhcp.offer',
  ],
  [
    'firmware that only asks and asks is one boot, each step with its count',
    [
      at(0, 'dhcp.offer', BIOS),
      at(4, 'dhcp.offer', { ...BIOS, waitedSeconds: 4 }),
      at(12, 'dhcp.offer', BIOS),
      at(28, 'dhcp.offer', BIOS),
    ],
    '1:dhcp.offer×4 1:boot.hint',
  ],
  [
    'firmware that asks after a long silence begins another boot',
    [at(0, 'dhcp.offer', BIOS), at(QUIET_MS / 1000 + 1, 'dhcp.offer', BIOS)],
    '1:dhcp.offer 2:dhcp.offer',
  ],
  ...(['dhcp.expired', 'dhcp.conflict', 'net.neighbour-new', 'machine.changed', 'http.timed-out'] as const).map(
    (kind): (typeof BOOTS)[number] => [
      `${kind} does not interrupt the silence before another boot`,
      [at(0, 'dhcp.offer', BIOS), at(0, 'dhcp.ack', BIOS), at(31, kind), at(149, 'dhcp.offer', BIOS)],
      `1:dhcp.offer 1:dhcp.ack 1:${kind} 2:dhcp.offer`,
    ],
  ),
  [
    'a renewal interrupts the silence',
    [at(0, 'dhcp.offer', BIOS), at(0, 'dhcp.ack', BIOS), at(31, 'dhcp.ack'), at(149, 'dhcp.offer', BIOS)],
    '1:dhcp.offer 1:dhcp.ack 1:dhcp.ack 1:dhcp.offer',
  ],
  [
    'a message that got no answer belongs to the boot that begins with the first answer',
    [at(0, 'dhcp.refused', { ...BIOS, reason: 'range-exhausted' }), at(3, 'dhcp.offer', BIOS)],
    '1:dhcp.refused 1:dhcp.offer',
  ],
  [
    'requests of a running system after the rack starts are not a boot, and the next boot is the first',
    [
      at(0, 'dhcp.ack', { renewal: true }),
      at(1, 'dhcp.inform'),
      at(2, 'dhcp.refused', { reason: 'range-exhausted' }),
      at(3, 'dhcp.offer'),
      at(4, 'http.posted', { file: '/MAAS/metadata/', status: 200 }),
      at(5, 'http.forwarded', { file: '/MAAS/api/2.0/version/', status: 200 }),
      at(6, 'dhcp.release'),
      at(7, 'dhcp.offer', BIOS),
      at(8, 'dhcp.ack', BIOS),
    ],
    '0:dhcp.ack 0:dhcp.inform 0:dhcp.refused 0:dhcp.offer 0:http.posted 0:http.forwarded 0:dhcp.release 1:dhcp.offer 1:dhcp.ack',
  ],
  ...(['tftp.sent', 'tftp.missing', 'http.rendered', 'http.file-sent'] as const).map((kind): (typeof BOOTS)[number] => [
    `${kind} after a start of the rack is of a boot that began before it`,
    [at(0, 'dhcp.ack'), at(1, kind, { file: LINUX })],
    `0:dhcp.ack 1:${kind}${kind.endsWith('missing') ? ' 1:boot.hint' : ''}`,
  ]),
  [
    'renewals are one step; events of no machine or of the process are not steps',
    [
      ...Array.from({ length: 9 }, (_, index) =>
        at(index * 300, 'dhcp.ack', { renewal: true, leaseSeconds: 600 + index }),
      ),
      at(2800, 'region.down', { reason: 'x' }),
      { kind: 'dhcp.malformed', at: instant(0) },
    ],
    '0:dhcp.ack×9',
  ],
];

test('boots of one machine are separated, and repetitions are counted', async (t) => {
  for (const [name, events, expected] of BOOTS) {
    await t.test(name, () => assert.equal(boots(timelineOf(...events).timeline), expected));
  }
});

test('a machine keeps its newest steps, and the timeline stays within its bounds', () => {
  const { timeline } = timelineOf();
  for (let index = 0; index < 2000; index += 1) timeline.take(at(index, 'tftp.missing', { file: `name-${index}` }));
  const steps = timeline.find(MAC) ?? [];
  assert.ok(steps.length <= STEPS_PER_MACHINE_MAX && steps.length > STEPS_PER_MACHINE_MAX / 2);
  assert.equal(steps.at(-1)?.event.at, at(1999, '').at);
  for (let machine = 0; machine < 2 * MACHINES_MAX; machine += 1) {
    for (let step = 0; step < 20; step += 1) {
      timeline.take({ ...at(3000 + machine, 'tftp.sent', { file: `f${step}` }), mac: mac(machine + 1) });
    }
  }
  assert.ok(timeline.machines <= MACHINES_MAX);
  const all = timeline.latest(Number.POSITIVE_INFINITY).map(({ mac: of }) => timeline.find(of)?.length ?? 0);
  assert.ok(all.length > 0 && all.reduce((sum, count) => sum + count, 0) <= STEPS_MAX);
  assert.equal(timeline.find(MAC), undefined, 'the longest silent machine was dropped');
});

test('a flood of invented hardware addresses does not displace machines that loaded something', () => {
  const { timeline } = timelineOf(at(0, 'dhcp.offer', BIOS), at(1, 'tftp.sent', { file: 'lpxelinux.0' }));
  for (let machine = 0; machine < 3 * MACHINES_MAX; machine += 1) {
    timeline.take({ ...at(2, 'dhcp.offer'), mac: mac(machine + 1), address: ipv4(machine + 1) });
  }
  assert.ok(timeline.machines <= MACHINES_MAX);
  assert.equal(timeline.find(MAC)?.length, 2);
});

test('of a flood of hosts that do not boot some are kept and the others counted; a booting machine is always kept', () => {
  const { timeline } = timelineOf();
  const FLOOD = 2 * NEW_HOST_RATE.burst;
  for (let host = 0; host < FLOOD; host += 1) timeline.take({ ...at(0, 'dhcp.offer'), mac: mac(host + 1) });
  assert.equal(timeline.machines, NEW_HOST_RATE.burst);
  assert.equal(timeline.missed, FLOOD - NEW_HOST_RATE.burst);
  timeline.take({ ...at(0, 'dhcp.ack'), mac: mac(1) });
  assert.equal(timeline.find(mac(1))?.length, 2, 'a known host gets its steps');
  timeline.take(at(0, 'dhcp.offer', BIOS));
  assert.equal(timeline.find(MAC)?.length, 1);
  timeline.take({ ...at(1, 'dhcp.offer'), mac: mac(FLOOD) });
  assert.equal(timeline.find(mac(FLOOD))?.length, 1, 'a second later there is room again');
});

test('followers get each step in order, and their number is bounded', () => {
  const { timeline } = timelineOf();
  const seen: string[] = [];
  const end = timeline.follow((_mac, { event, times }) => seen.push(`${event.kind} ${times}`));
  for (const kind of ['dhcp.offer', 'dhcp.ack', 'dhcp.ack']) timeline.take(at(0, kind));
  assert.deepEqual(seen, ['dhcp.offer 1', 'dhcp.ack 1', 'dhcp.ack 2']);
  end?.();
  const ends = Array.from({ length: FOLLOWERS_MAX + 1 }, () => timeline.follow(() => undefined));
  assert.equal(ends.at(-1), undefined);
  assert.ok(ends.slice(0, -1).every((one) => one !== undefined));
});

test('a stream is read in its own turns, and hints are published for other consumers', async () => {
  const stream = new EventStream();
  const kinds: string[] = [];
  const cursor = stream.subscribe(() => kinds.push(...cursor.drain().events.map(({ kind }) => kind)));
  const timeline = new Timeline(stream.publish);
  timeline.read(stream);
  stream.publish(at(0, 'dhcp.offer', { ...BIOS, waitedSeconds: 30 }));
  await stream.waitUntilDrained();
  assert.equal(boots(timeline), '1:dhcp.offer 1:boot.hint');
  assert.deepEqual(kinds, ['dhcp.offer', 'boot.hint']);
});

const PROXIED = { client: 'uefi', architecture: 7, file: 'bootx64.efi', proxied: true };
const RELEASES: readonly (readonly [RackEvent, string, RegExp])[] = [
  [at(0, 'http.aborted', { file: 'images/x.img.zst' }), 'Ready', /^nothing: it is Ready, /],
  [at(0, 'http.posted', { file: 'x', status: 403 }), 'Ready', /^nothing: it is Ready/],
  [at(0, 'http.aborted', { file: 'images/x.img.zst' }), 'Failed deployment', /^it to request images\/x/],
  [at(0, 'http.file-sent', { file: LINUX }), 'Ready', /^it to load its initrd/],
];
const AT_WORK: readonly (readonly [RackEvent, RegExp])[] = [
  [at(0, 'http.posted', { file: 'x', status: 200 }), /^its work to go on: it is Deploying/],
  [at(0, 'dhcp.ack', {}), /^its work to go on/],
  [at(0, 'http.file-sent', { file: 'images/x.img.zst' }), /^its work to go on/],
  [at(0, 'http.aborted', { file: 'images/x.img.zst' }), /^it to request images\/x/],
  [at(0, 'http.file-sent', { file: LINUX }), /^it to load its initrd/],
];
for (const [event, expected] of AT_WORK) {
  test(`a trace of a machine at work after ${event.kind} waits for ${expected.source}`, () => {
    const steps = timelineOf(event).timeline.find(MAC) ?? [];
    const machine = { statusName: 'Deploying', purpose: 'install', bootToken: 'of its boot' } as const;
    assert.match(describeWaiting(findWaiting(steps, at(1, '').at, machine)), expected);
  });
}
test('the event of a configuration says how long its menu waits', () => {
  for (const kind of ['http.rendered', 'tftp.sent'])
    assert.match(
      composeEventText(at(0, kind, { file: 'ipxe.cfg', purpose: 'local', menuSeconds: 10 })),
      /^Loaded its configuration with a menu of 10 s, .*boot its own disk$/,
    );
});

test('a running machine that is Deployed has no fault, though its last report was refused or its last download cut off', () => {
  for (const event of [at(0, 'http.posted', { file: 'x', status: 401 }), at(0, 'http.aborted', { file: 'images/x' })]) {
    const steps = timelineOf(event).timeline.find(MAC) ?? [];
    const waits = (statusName: string) =>
      describeWaiting(findWaiting(steps, at(900, '').at, { statusName, purpose: 'local' }));
    assert.match(waits('Deployed'), /^nothing from this rack: it is Deployed; last seen 15 min ago$/);
    assert.match(waits('Deploying'), /^it to re/);
  }
});

for (const [event, statusName, expected] of RELEASES) {
  test(`a trace of a machine that is ${statusName} after ${event.kind} waits for ${expected.source}`, () => {
    const steps = timelineOf(event).timeline.find(MAC) ?? [];
    assert.match(describeWaiting(findWaiting(steps, at(1, '').at, { statusName, purpose: 'poweroff' })), expected);
  });
}

const WAITS: readonly (readonly [readonly RackEvent[], number, RegExp])[] = [
  [[at(0, 'dhcp.offer', BIOS)], 1, /^it to take the offer; last seen 1 s ago$/],
  [[at(0, 'dhcp.offer', BIOS)], 90, /took that of another DHCP server$/],
  [[at(0, 'dhcp.ack', BIOS)], 1, /^it to load lpxelinux\.0; /],
  // A menu's purpose is that of its first entry, and a person chose another.
  [
    [at(0, 'http.rendered', { file: 'grub/grub.cfg', purpose: 'enlist' }), at(1, 'tftp.sent', { file: 'memtest.efi' })],
    2,
    /^its next step; /,
  ],
  ...(
    [
      ['profiles/live/vmlinuz', /^whatever its system does next; /],
      ['menu.c32', /^nothing: it boots its own disk; /],
    ] as const
  ).map(
    ([file, expected]) =>
      [
        [
          at(0, 'http.rendered', { file: 'grub/grub.cfg', purpose: 'local', menuSeconds: 10 }),
          at(1, 'tftp.sent', { file }),
        ],
        900,
        expected,
      ] as const,
  ),
  [[at(0, 'dhcp.ack', BIOS), at(1, 'http.tls-failed', { reason: 'ECONNRESET' })], 2, /^it to load lpxelinux\.0; /],
  [[at(0, 'dhcp.ack'), at(1, 'dhcp.decline')], 2, /^it to ask again; /],
  [[at(0, 'dhcp.ack')], 1, /^nothing: it is not booting from the network; /],
  [[at(0, 'tftp.sent', { file: 'lpxelinux.0' })], 1, /^its loader to ask for a configuration; /],
  [[at(0, 'http.rendered', { file: 'x', purpose: 'enlist' })], 1, /^it to load its kernel; /],
  [
    [at(0, 'http.rendered', { file: 'x', purpose: 'local' })],
    900,
    /^nothing: it boots its own disk; last seen 15 min ago$/,
  ],
  [
    [at(0, 'http.rendered', { file: 'x', purpose: 'profile:live' }), at(1, 'http.file-sent', { file: 'a/vmlinuz' })],
    900,
    /^whatever its system does next; /,
  ],
  [[at(0, 'http.rendered', { file: 'x', purpose: 'image-missing' })], 1, /^a remedy: /],
  [[at(0, 'http.file-sent', { file: LINUX })], 1, /^it to load its initrd; /],
  [[at(0, 'http.file-sent', { file: 'a/initrd.gz' })], 100, /^its kernel to start.*last seen 1 min 40 s ago$/],
  [
    [at(0, 'http.file-sent', { file: 'a/initrd.gz' })],
    200,
    /a kernel without a driver for this network card is silent on the network$/,
  ],
  [
    [at(0, 'http.posted', { file: 'x', status: 200 }), at(1, 'http.missing', { file: 'y' })],
    2,
    /^nothing more from this rack/,
  ],
  [
    [at(0, 'http.posted', { file: 'x', status: 400 })],
    2,
    /^it to report again: the region refused its report with 400; /,
  ],
  [[at(0, 'dhcp.ack', { client: 'other', architecture: 27 })], 2, /^nothing: it got no boot file; /],
  [[at(0, 'dhcp.expired')], 2, /^its next boot; /],
  [
    [at(0, 'dhcp.ack', BIOS), at(30, 'dhcp.expired')],
    90,
    /^it to load lpxelinux\.0; last seen 1 min 30 s ago, .*its lease has ended/,
  ],
  [
    [at(0, 'http.file-sent', { file: 'a/initrd.gz' }), at(30, 'dhcp.expired')],
    200,
    /^its kernel to start.*, and its lease has ended: .*a kernel without a driver/,
  ],
  [[at(0, 'dhcp.ack', BIOS), at(30, 'dhcp.ended'), at(40, 'dhcp.ack', BIOS)], 41, /^it to load .*; last seen 1 s ago$/],
  [[at(0, 'dhcp.ack', BIOS), at(5, 'net.neighbour-new')], 70, /^it to load .*; last seen 1 min 10 s ago: /],
  [
    [at(0, 'dhcp.ack', BIOS), at(5, 'machine.changed', { name: 'calm-ibis' })],
    70,
    /^it to load lpxelinux\.0; last seen 1 min 10 s ago: check its screen/,
  ],
  [
    [at(0, 'dhcp.refused', { reason: 'range-exhausted' }), at(1, 'dhcp.still-used', {})],
    2,
    /^it to ask again; last seen/,
  ],
  [
    [at(0, 'machine.known', { name: 'calm-ibis' })],
    5,
    /^its first message: it has not been seen since the rack started$/,
  ],
  [[at(0, 'http.timed-out', { file: LINUX })], 2, /^it to request .*linux again, or to restart; /],
  [
    [at(0, 'http.rendered', { file: 'x', purpose: 'install' }), at(30, 'http.stalled', { file: LINUX })],
    31,
    /^it to continue loading .*linux, which has stalled; /,
  ],
  [[at(0, 'dhcp.offer', PROXIED)], 90, /^it to get an address from the other DHCP server; /],
  [
    [at(0, 'dhcp.offer', PROXIED), at(1, 'dhcp.elsewhere', { client: 'uefi' })],
    90,
    /^it to load its boot file; .*it did not request the file/,
  ],
  [
    [at(0, 'dhcp.offer', PROXIED), at(1, 'tftp.sent', { file: 'grubx64.efi' })],
    90,
    /^its loader to ask for a configuration; .*check its screen/,
  ],
];

test('a file that a machine did not get whole is expected to be requested again, however its download ended', () => {
  const whole = new Set(['tftp.sent', 'http.file-sent', 'http.rendered']);
  // Those that are not about one machine's file, or have more fields.
  const others =
    /listening$|probed$|missing$|tls-failed$|malformed$|posted$|forwarded$|stalled$|region-unreachable$|^http\.(?:metrics|client-error)/;
  for (const kind of [...Object.keys(TFTP_EVENTS), ...Object.keys(HTTP_EVENTS)].filter((name) => !others.test(name))) {
    const steps = timelineOf(at(0, 'dhcp.ack', BIOS), at(1, kind, { file: LINUX })).timeline.find(MAC) ?? [];
    const isAgain = /^it to request .*linux again, or to restart/.test(
      describeWaiting(findWaiting(steps, at(2, '').at)),
    );
    assert.equal(isAgain, !whole.has(kind), `${kind}: ${describeWaiting(findWaiting(steps, at(2, '').at))}`);
  }
});

test('a machine’s last step determines its expected next one, and a long silence is explained', () => {
  for (const [events, seconds, expected] of WAITS) {
    const steps = timelineOf(...events).timeline.find(MAC) ?? [];
    assert.match(describeWaiting(findWaiting(steps, at(seconds, '').at)), expected);
  }
});
