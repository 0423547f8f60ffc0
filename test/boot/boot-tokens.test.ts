// Only the holder of the machine's lease gets the token of its boot, and the token proves only that holder's posts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { BootTokens, OTHERS_RATE, TOKEN_MS, TOKENS_MAX } from '../../src/boot/boot-tokens.ts';
import { decideStep } from '../../src/boot/decision.ts';
import { preseedSecret } from '../../src/boot/preseed-secret.ts';
import { formatMac, type Ipv4, ipv4, type MacAddress, mac } from '../../src/ground/address.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import type { BootPurpose } from '../../src/machines/machine.ts';
import { composeEventText } from '../../src/observe/event-text.ts';
import { hw, ip, RACK } from '../support/lab-facts.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { assetContext, bootConfig, images, MACS, machine, PEER } from './rack.ts';

const TOKEN = 'a-token-of-the-region-0123456789';
const STRANGER = hw('52:54:00:99:99:99');
const ELSEWHERE = ip('10.20.0.177');
const FILES = images('amd64/generic/bookworm/commissioning', 'amd64/generic/trixie/install');

function place(leases: readonly (readonly [Ipv4, MacAddress])[]) {
  const clock = new VirtualClock(1_700_000_000_000, 3);
  const events: RackEvent[] = [];
  const table = new Map(leases);
  const movable = new Set<Ipv4>();
  /** Addresses of a network in which no machine is at home. */
  const away = new Set<Ipv4>();
  const machines = new MachineDirectory([
    machine('commissioning', { bootToken: TOKEN, systemId: 'com111' }),
    machine('install', { bootToken: TOKEN, systemId: 'ins111', release: 'trixie' }),
    machine('enlist', { systemId: 'new111' }),
    machine('local', { bootToken: TOKEN, systemId: 'loc111' }),
    machine('poweroff', { systemId: 'off111' }),
  ]);
  const macOf = (peer: Ipv4): MacAddress | undefined => table.get(peer);
  const tokens = new BootTokens({
    clock,
    machines: () => machines,
    macOf,
    mayMove: (peer) => movable.has(peer),
    awayFrom: (_machine, peer) => (away.has(peer) ? { network: 'lab', home: 'far' } : undefined),
    rackName: () => 'rack',
    publish: (event) => void events.push(event),
  });
  const context = {
    ...assetContext({}),
    config: bootConfig(),
    machines,
    macOf,
    tokens,
    hasFile: (name: string) => FILES.includes(name),
  };
  const words = (path: string, peer: Ipv4): string | undefined => {
    const asset = resolveBootAsset({ path, peer, local: RACK }, context);
    assert.equal(asset.kind, 'rendered', path);
    return /(?:rackboot_token|boot)=([\w-]{22,})/.exec(asset.kind === 'rendered' ? asset.text : '')?.[1];
  };
  return { clock, events, table, movable, away, tokens, words };
}

/** The paths under which each loader asks for one machine. */
const namesOf = (of: MacAddress): readonly string[] => [
  `pxelinux.cfg/01-${formatMac(of, '-')}`,
  `grub/grub.cfg-${formatMac(of)}`,
  `ipxe.cfg-${formatMac(of, '-')}`,
];

const OWN: readonly (readonly [BootPurpose, string | undefined])[] = [
  ['commissioning', TOKEN],
  // In addresses, which are logged, a secret derived from the token takes its place.
  ['install', preseedSecret(TOKEN)],
  ['local', undefined],
  ['poweroff', undefined],
];

for (const [purpose, expected] of OWN) {
  test(`${expected === undefined ? 'no token is' : "the region's token is"} in the configuration for ${purpose}, in every loader's language`, () => {
    const { words, events } = place([[PEER, MACS[purpose]]]);
    for (const name of namesOf(MACS[purpose])) assert.equal(words(name, PEER), expected, name);
    assert.deepEqual(events, []);
  });
}

test('an installer gets its preseed’s secret in an address, and its token nowhere', () => {
  const secret = preseedSecret(TOKEN);
  assert.match(secret, /^[\w-]{32}$/);
  assert.notEqual(secret, preseedSecret(`${TOKEN}x`));
  const directory = 'amd64/generic/trixie/install';
  const wordsWith = (...more: readonly string[]): string => {
    const files = [...images(directory), ...more];
    const query = {
      machine: machine('install', { systemId: 'ins111', release: 'trixie' }),
      architecture: undefined,
      subarchitecture: undefined,
      baseUrl: 'http://10.20.0.1:5248',
      token: TOKEN,
    };
    const { step } = decideStep(query, { config: bootConfig(), hasFile: (name) => files.includes(name) });
    return step.kind === 'kernel' ? step.words.join(' ') : step.kind;
  };
  const base = 'http://10.20.0.1:5248/MAAS/metadata/latest/by-id/ins111/';
  const debian = wordsWith();
  assert.ok(debian.includes(`auto=true priority=critical url=${base}?boot=${secret}&op=get_preseed `), debian);
  const ubuntu = wordsWith(`${directory}/installer.iso`);
  assert.ok(
    ubuntu.includes(`url=http://10.20.0.1:5248/${directory}/installer.iso cloud-config-url=/dev/null `),
    ubuntu,
  );
  // cloud-init appends the name of each file.
  assert.ok(ubuntu.includes(`autoinstall ds=nocloud-net;s=${base}?boot=${secret}&op=`), ubuntu);
  for (const words of [debian, ubuntu]) assert.ok(!words.includes(TOKEN), words);
});

test('whoever asks for the configuration of a machine without work is named on its timeline, if it is another host', () => {
  for (const [purpose, asked] of [
    ['enlist', 'boot.asked-by-another'],
    ['local', 'boot.asked-by-another'],
    ['poweroff', 'boot.asked-by-another'],
    ['commissioning', 'boot.token-withheld'],
    ['install', 'boot.token-withheld'],
  ] as const) {
    const { words, events, table } = place([[ELSEWHERE, STRANGER]]);
    words(namesOf(MACS[purpose])[0] ?? '', ELSEWHERE);
    table.set(PEER, MACS[purpose]);
    words(namesOf(MACS[purpose])[0] ?? '', PEER);
    const told = events.map(({ kind, mac: of, address }) => [kind, of, address]);
    assert.deepEqual(told, [[asked, MACS[purpose], ELSEWHERE]]);
    const [event] = events;
    assert.ok(event !== undefined && composeEventText(event).startsWith('10.20.0.177'), purpose);
  }
});

test('a neighbour adds few events to the timeline of a machine, and does not hide that another machine is asked for', () => {
  const { clock, words, events } = place([[ELSEWHERE, STRANGER]]);
  const [name = ''] = namesOf(MACS.local);
  for (let minute = 0; minute < 10; minute += 1) {
    for (let times = 0; times < 100; times += 1) words(name, ELSEWHERE);
    clock.advance(60_000);
  }
  const most = OTHERS_RATE.burst + 10;
  assert.ok(events.length >= 10 && events.length <= most, `${events.length} events`);
  assert.ok(OTHERS_RATE.perSecond <= 1 / 60);
  words(namesOf(MACS.enlist)[0] ?? '', ELSEWHERE);
  assert.equal(events.at(-1)?.mac, MACS.enlist);
  assert.equal(events.at(-1)?.count, undefined);
});

test('requested from elsewhere, the configuration has no token, and an event reports it without showing the token', () => {
  const { words, events } = place([[ELSEWHERE, STRANGER]]);
  for (const peer of [ELSEWHERE, ip('10.20.0.178')]) {
    for (const name of namesOf(MACS.commissioning)) assert.equal(words(name, peer), undefined);
  }
  assert.equal(events.length, 6);
  assert.deepEqual(events[0]?.kind, 'boot.token-withheld');
  assert.equal(events[0]?.mac, MACS.commissioning);
  assert.ok(!JSON.stringify(events).includes(TOKEN));
});

test('a lease under the hardware address of a machine with another home gets no token, no vouching, and an event', () => {
  const { words, tokens, events, away, table } = place([
    [PEER, MACS.commissioning],
    [ELSEWHERE, MACS.commissioning],
  ]);
  away.add(ELSEWHERE);
  for (const name of namesOf(MACS.commissioning)) {
    assert.equal(words(name, PEER), TOKEN, name);
    assert.equal(words(name, ELSEWHERE), undefined, name);
  }
  assert.equal(tokens.vouchFor(TOKEN, PEER), MACS.commissioning);
  assert.equal(tokens.vouchFor(TOKEN, ELSEWHERE), undefined);
  const [event] = events;
  assert.ok(event !== undefined && events.length === 3, JSON.stringify(events));
  assert.match(
    composeEventText(event),
    /^Leased 10\.20\.0\.177 in network lab, .*rackboot machines move commissioning-1 rack --network lab$/,
  );
  // A New machine may appear anywhere: only its boot shows where it is.
  table.set(ELSEWHERE, MACS.enlist);
  assert.match(words(namesOf(MACS.enlist)[0] ?? '', ELSEWHERE) ?? '', /^[\w-]{32}$/);
});

test('a flood of such requests is sampled into few events', () => {
  const { words, events } = place([]);
  for (let count = 0; count < 1000; count += 1) words(namesOf(MACS.install)[0] ?? '', ELSEWHERE);
  assert.ok(events.length <= 20, String(events.length));
});

test('an unknown or New machine gets its own token only through the holder of its lease, the same for each request', () => {
  const { words } = place([
    [PEER, STRANGER],
    [ip('10.20.0.101'), MACS.enlist],
  ]);
  const given = words('pxelinux.cfg/default', PEER);
  assert.match(given ?? '', /^[\w-]{32}$/);
  assert.equal(words('grub/grub.cfg-default-amd64', PEER), given);
  assert.equal(words('pxelinux.cfg/default', ELSEWHERE), undefined);
  const own = namesOf(MACS.enlist).map((name) => words(name, ip('10.20.0.101')));
  assert.equal(new Set(own).size, 1);
  assert.notEqual(own[0], given);
  assert.equal(words(namesOf(MACS.enlist)[0] ?? '', PEER), undefined);
});

test('a rack vouches for the boot interface of a machine that sends its token from its address, while the token is valid', () => {
  const { words, tokens, clock, table } = place([
    [PEER, STRANGER],
    [ip('10.20.0.12'), MACS.commissioning],
  ]);
  const given = words('pxelinux.cfg/default', PEER) ?? '';
  assert.equal(tokens.vouchFor(given, PEER), STRANGER);
  assert.equal(tokens.vouchFor(given, ELSEWHERE), undefined);
  assert.equal(tokens.vouchFor(`${given.slice(1)}x`, PEER), undefined);
  assert.equal(tokens.vouchFor('', PEER), undefined);
  assert.equal(tokens.vouchFor('x'.repeat(100_000), PEER), undefined);
  assert.equal(tokens.vouchFor(given, ip('10.20.0.12')), undefined);
  assert.equal(tokens.vouchFor(TOKEN, ip('10.20.0.12')), MACS.commissioning);
  assert.equal(tokens.vouchFor(TOKEN, PEER), undefined);
  clock.advance(TOKEN_MS + 1);
  assert.equal(tokens.vouchFor(given, PEER), undefined);
  const next = words('pxelinux.cfg/default', PEER);
  assert.notEqual(next, given);
  // Meanwhile the address went to another machine.
  table.set(PEER, MACS.poweroff);
  assert.equal(tokens.vouchFor(next ?? '', PEER), undefined);
});

test('if another server gives the addresses, loader and system of one machine may have different ones', () => {
  const { words, tokens, table, movable } = place([[PEER, STRANGER]]);
  const given = words('pxelinux.cfg/default', PEER) ?? '';
  table.delete(PEER);
  table.set(ELSEWHERE, STRANGER);
  assert.equal(tokens.vouchFor(given, ELSEWHERE), undefined, 'the rack’s own addresses must match exactly');
  movable.add(ELSEWHERE);
  assert.equal(tokens.vouchFor(given, ELSEWHERE), STRANGER);
  table.set(ELSEWHERE, MACS.poweroff);
  assert.equal(tokens.vouchFor(given, ELSEWHERE), undefined, 'another machine has it');
});

test('at most TOKENS_MAX boots are remembered: the one whose token was given longest ago is forgotten', () => {
  const { tokens, table } = place([]);
  const lease = (index: number): { peer: Ipv4; own: MacAddress } => {
    const peer = ipv4(0x0a15_0000 + index);
    const own = mac(0x5254_0100_0000 + index);
    table.set(peer, own);
    return { peer, own };
  };
  const draw = (index: number): string => {
    const { peer, own } = lease(index);
    return tokens.tokenFor({ machine: undefined, mac: own, peer }) ?? '';
  };
  const first = draw(0);
  const second = draw(1);
  for (let index = 2; index < TOKENS_MAX; index += 1) draw(index);
  assert.equal(draw(0), first);
  draw(TOKENS_MAX);
  assert.equal(tokens.vouchFor(first, lease(0).peer), lease(0).own);
  assert.equal(tokens.vouchFor(second, lease(1).peer), undefined);
});
