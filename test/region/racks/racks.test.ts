// Racks register, get verdicts, authenticate with their keys, and are reported when they go away.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ipv4, ipv4, parseIpv4 } from '../../../src/ground/address.ts';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import {
  REGISTRATIONS_IN_TOTAL,
  REGISTRATIONS_PER_ADDRESS,
  REGISTRATIONS_PER_NETWORK,
} from '../../../src/region/racks/introductions.ts';
import {
  decideRegistration,
  decideVerdict,
  type RackKey,
  type RegistrationOutcome,
} from '../../../src/region/racks/rack-admission.ts';
import { findSharedRange, rangeSharedText } from '../../../src/region/racks/rack-networks.ts';
import { check } from '../../../src/region/racks/rack-news.ts';
import { rackInterfaces } from '../../../src/region/records/heartbeat.ts';
import {
  AWAY_AFTER_MS,
  PENDING_KEPT_MS,
  PENDING_RACKS_MAX,
  PENDING_RACKS_PER_ADDRESS_MAX,
  RACKS_MAX,
  type Rack,
} from '../../../src/region/records/rack.ts';
import { openRegion, type Region } from '../../../src/region/region.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { withLink } from '../http/link-place.ts';
import { withRegion } from '../place.ts';
import {
  acceptRack,
  digestOf,
  hearRack,
  OTHER_UUID,
  RACK_KEY_SECRET,
  RACK_TOKEN,
  RACK_UUID,
  rackInterface,
  register,
  registration,
} from './rack-place.ts';

const vouches = ({ racks }: Region, key: string, address: Ipv4): boolean =>
  racks.speakerFor(key, address) !== undefined;
const NOW = 1_700_000_000_000;
const ADMIN = { kind: 'administrator', token: 'admin-token', username: 'admin' } as const;
const OTHER_KEY = { kind: 'own', token: 'another-token', secretDigest: digestOf('x') } as const;

function rack(more: Partial<Rack> = {}): Rack {
  const { key: _key, ...said } = registration();
  return {
    ...said,
    state: 'pending',
    isEmbedded: false,
    token: RACK_TOKEN,
    secretDigest: digestOf(RACK_KEY_SECRET),
    registeredMs: NOW,
    stateSinceMs: NOW,
    agreed: [],
    disputed: [],
    refused: [],
    ...more,
  };
}

const waiting = (count: number, more: Partial<Rack> = {}): readonly Rack[] =>
  Array.from({ length: count }, (_, index) =>
    rack({
      uuid: `${index}`,
      name: `other-${index}`,
      token: `token-${index}`,
      address: `192.0.2.${10 + index}`,
      ...more,
    }),
  );

const SILENT: Partial<Rack> = { registeredMs: NOW - PENDING_KEPT_MS - 1 };
/** From the address of `registration()`. */
const HERE: Partial<Rack> = { address: '192.0.2.9' };
const silentFirst = (one: Rack, index: number): Rack => (index === 0 ? { ...one, ...SILENT } : one);
const REGISTRATIONS: readonly (readonly [
  name: string,
  given: Parameters<typeof registration>[0],
  known: readonly Rack[],
  outcome: string,
  racks: number,
])[] = [
  ['a rack that nobody knows waits', {}, [], 'pending', 1],
  ['one with the key of an administrator is accepted at once', { key: ADMIN }, [], 'accepted', 1],
  ['one that waits still waits', {}, [rack()], 'pending', 1],
  ['one that waits is accepted with the key of an administrator', { key: ADMIN }, [rack()], 'accepted', 1],
  ['one that is accepted is accepted again', {}, [rack({ state: 'accepted' })], 'accepted', 1],
  ['one that was rejected stays rejected', {}, [rack({ state: 'rejected' })], 'rack-rejected', 1],
  ['even with the key of an administrator', { key: ADMIN }, [rack({ state: 'rejected' })], 'rack-rejected', 1],
  ['another key for a rack that waits is refused', { key: OTHER_KEY }, [rack()], 'rack-key', 1],
  ['and for one that is accepted', { key: OTHER_KEY }, [rack({ state: 'accepted' })], 'rack-key', 1],
  ['one key cannot be drawn by two racks', { uuid: OTHER_UUID, name: 'rack-3' }, [rack()], 'rack-key', 1],
  ["the UUID of the region's own rack is nobody else's", {}, [rack({ isEmbedded: true })], 'rack-key', 1],
  ['a rack of another link is told both versions', { uplink: 2 }, [], 'rack-version', 0],
  [
    'a second rack of an accepted name waits, whatever its key',
    { uuid: OTHER_UUID, key: ADMIN },
    [rack({ state: 'accepted' })],
    'pending',
    2,
  ],
  [
    'an accepted rack that takes the name of another one continues under its own',
    { name: 'other-0' },
    [rack({ state: 'accepted' }), ...waiting(1, { state: 'accepted' })],
    'accepted',
    2,
  ],
  ['the pending list is full', {}, waiting(PENDING_RACKS_MAX), 'racks-limit', PENDING_RACKS_MAX],
  ['one that was silent for long makes room', {}, waiting(PENDING_RACKS_MAX, SILENT), 'pending', PENDING_RACKS_MAX],
  ['four from one address are pending', {}, waiting(PENDING_RACKS_PER_ADDRESS_MAX, HERE), 'racks-limit', 4],
  ['one from another address may', { address: '192.0.2.8' }, waiting(4, HERE), 'pending', 5],
  ['the oldest silent one of them makes room', {}, waiting(4, HERE).map(silentFirst), 'pending', 4],
  [
    'a newcomer of another network replaces one of the network with the most',
    { address: '198.51.100.1' },
    waiting(PENDING_RACKS_MAX),
    'pending',
    PENDING_RACKS_MAX,
  ],
  [
    'an accepted rack is never replaced',
    { address: '198.51.100.1' },
    waiting(RACKS_MAX, { state: 'accepted' }),
    'racks-limit',
    RACKS_MAX,
  ],
  ['an administrator is not held up by those that wait', { key: ADMIN }, waiting(PENDING_RACKS_MAX), 'accepted', 33],
  ['the list of racks is full', { key: ADMIN }, waiting(RACKS_MAX, { state: 'accepted' }), 'racks-limit', 256],
];

const textOf = (result: RegistrationOutcome): string => (result.kind === 'refuse' ? result.refusal.text : '');

for (const [name, given, known, outcome, racks] of REGISTRATIONS) {
  test(name, () => {
    const decision = decideRegistration(registration(given), known, NOW);
    const { result } = decision;
    assert.equal(result.kind === 'refuse' ? result.refusal.name : result.kind, outcome);
    const left = new Map(known.map((one) => [one.uuid, one]));
    for (const uuid of decision.remove ?? []) left.delete(uuid);
    for (const one of decision.put) left.set(one.uuid, one);
    assert.equal(left.size, racks);
    if (outcome === 'rack-version') assert.match(textOf(result), /version 2 of the link.*version 1/);
  });
}

test('a process without a rack parts from that of an earlier process, which registers like any other', () =>
  withRegion(async ({ region }) => {
    const { racks } = region;
    await racks.putOwn({ uuid: OTHER_UUID, name: 'own', version: '1', interfaces: [], pinned: [] });
    await acceptRack(region);
    await racks.removeOwn();
    assert.deepEqual(
      racks.list().map(({ uuid, isEmbedded }) => [uuid, isEmbedded]),
      [[RACK_UUID, false]],
    );
    await racks.removeOwn();
    assert.equal(racks.list().length, 1);
    const key = { kind: 'own', token: 'token-of-own', secretDigest: digestOf('secret-of-own') } as const;
    const outcome = await register(region, registration({ uuid: OTHER_UUID, name: 'own', key }));
    assert.equal(outcome.kind, 'pending');
  }));

test('registrations from a few hosts do not keep out a rack elsewhere, and the log names the replaced one', () => {
  const flood = waiting(PENDING_RACKS_MAX).map((one, index) => ({
    ...one,
    address: `192.0.2.${index % 8}`,
    seenMs: NOW - index,
  }));
  const decision = decideRegistration(registration({ address: '198.51.100.1' }), flood, NOW);
  assert.equal(decision.result.kind, 'pending');
  assert.deepEqual(decision.remove, [flood.at(-1)?.uuid]);
  assert.match(sentenceOf(decision.events[0]), /from 192\.0\.2\.7 for a new one from 198/);
});

test('an administrator accepts, rejects and removes all named racks, or none', () => {
  const racks = [
    rack(),
    rack({ uuid: OTHER_UUID, token: 'b' }),
    rack({ uuid: 'own', name: 'rack-1', isEmbedded: true, state: 'accepted', interfaces: [] }),
  ];
  const say = (uuids: readonly string[], verdict: 'accept' | 'reject' | 'remove', of: readonly Rack[] = racks) => {
    const { put, remove, events, result } = decideVerdict(uuids, verdict, of, { username: 'bob', atMs: NOW });
    assert.ok(events.every(({ type, username }) => type === 'RACK_CHANGED' && username === 'bob'));
    return result?.name ?? [put.map(({ uuid, state }) => `${uuid} ${state}`), remove, events.length];
  };
  assert.deepEqual(say([RACK_UUID], 'accept'), [[`${RACK_UUID} accepted`], [], 1]);
  assert.deepEqual(say([RACK_UUID], 'reject'), [[`${RACK_UUID} rejected`], [], 1]);
  assert.deepEqual(say([RACK_UUID, RACK_UUID], 'remove'), [[], [RACK_UUID], 1]);
  assert.equal(say([RACK_UUID, 'nobody'], 'accept'), 'not-found');
  assert.equal(say([RACK_UUID, OTHER_UUID], 'accept'), 'rack-name');
  assert.equal(say(['own'], 'reject'), 'rack-embedded');
  assert.equal(say(['own'], 'remove'), 'rack-embedded');
  assert.deepEqual(say(['own'], 'accept'), [[], [], 0]);
  assert.deepEqual(say([RACK_UUID], 'accept', [rack({ state: 'accepted' })]), [[], [], 0]);
});

test('a registration’s event has no user, or with an administrator’s key that person', () => {
  const reported = (key: RackKey): readonly (readonly [string, string])[] =>
    decideRegistration(registration({ key }), [], NOW).events.map(({ type, username }) => [type, username]);
  assert.deepEqual(reported({ kind: 'own', token: 'a', secretDigest: digestOf('a') }), [['RACK_REGISTERED', '']]);
  assert.deepEqual(reported({ kind: 'administrator', token: 'a', username: 'ann' }), [
    ['RACK_REGISTERED', 'ann'],
    ['RACK_CHANGED', 'ann'],
  ]);
});

test('only an accepted rack’s networks are believed, and only its own', () =>
  withRegion(async ({ region }) => {
    const address = parseIpv4('10.50.0.9') ?? ipv4(0);
    const key = `${RACK_TOKEN}:${RACK_KEY_SECRET}`;
    await register(region, registration());
    assert.equal(region.racks.serves(address), false);
    assert.equal(vouches(region, key, address), false);
    await region.racks.judge([RACK_UUID], 'accept', 'admin');
    assert.equal(region.racks.serves(address), true);
    assert.equal(vouches(region, key, address), true);
    assert.equal(vouches(region, `${key}x`, address), false);
    assert.equal(vouches(region, key, parseIpv4('10.51.0.9') ?? ipv4(0)), false);
    for (const wrong of ['', ':', RACK_TOKEN, `${RACK_TOKEN}:`]) {
      assert.equal(vouches(region, wrong, address), false, wrong);
    }
    await region.racks.judge([RACK_UUID], 'reject', 'admin');
    assert.equal(vouches(region, key, address), false);
  }));

test(
  'a rack that came with the key of an administrator is known by it, until that key is deleted',
  {
    timeout: 20_000,
  },
  () =>
    withRegion(async ({ region, store, clock }) => {
      await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
      const [consumerKey = '', tokenKey = '', secret = ''] = (await createApiKey(store, clock, 'admin')).split(':');
      for (const [uuid, name] of [
        [RACK_UUID, 'rack-2'],
        [OTHER_UUID, 'rack-3'],
      ] as const) {
        const network = uuid === RACK_UUID ? '10.50.0.0/24' : '10.60.0.0/24';
        const key = { kind: 'administrator', token: tokenKey, username: 'admin' } as const;
        const outcome = await register(region, registration({ uuid, name, key, interfaces: [rackInterface(network)] }));
        assert.equal(outcome.kind, 'accepted');
      }
      const known = region.racks.find(RACK_UUID);
      assert.equal(await region.racks.isKeyOf(known, { consumerKey, tokenKey, secret }), true);
      assert.equal(await region.racks.isKeyOf(known, { consumerKey: 'x', tokenKey, secret }), false);
      assert.equal(await region.racks.isKeyOf(known, { consumerKey, tokenKey, secret: 'x' }), false);
      // One key of two racks vouches for the networks of both.
      for (const text of ['10.50.0.9', '10.60.0.9']) {
        assert.equal(vouches(region, `${tokenKey}:${secret}`, parseIpv4(text) ?? ipv4(0)), true, text);
      }
      await store.accounts.removeKey('admin', tokenKey);
      await region.racks.refresh();
      assert.equal(await region.racks.isKeyOf(known, { consumerKey, tokenKey, secret }), false);
      assert.equal(vouches(region, `${tokenKey}:${secret}`, parseIpv4('10.50.0.9') ?? ipv4(0)), false);
    }),
);

test('the rack of this process is always accepted, and the only one, even with a new UUID', () =>
  withRegion(async ({ region }) => {
    const said = { name: 'rack-1', version: '0.1.0', interfaces: [rackInterface()], pinned: [] };
    await region.racks.putOwn({ ...said, uuid: RACK_UUID });
    await region.racks.putOwn({ ...said, uuid: OTHER_UUID, name: 'rack-one' });
    assert.deepEqual(
      region.racks.list().map(({ uuid, name, state, isEmbedded }) => [uuid, name, state, isEmbedded]),
      [[OTHER_UUID, 'rack-one', 'accepted', true]],
    );
  }));

test('changes of racks by another process are seen by the next request, and in two seconds without one', () =>
  withLink(async ({ region, store, clock, config, rack }) => {
    const other = await openRegion({ config, store, clock, onDesiredState: () => {} });
    await acceptRack(other);
    assert.equal((await rack('state')).status, 200);
    assert.equal(region.racks.find(RACK_UUID)?.state, 'accepted');
    await other.racks.judge([RACK_UUID], 'reject', 'admin');
    assert.equal((await rack('state')).status, 403);
    await other.racks.judge([RACK_UUID], 'remove', 'admin');
    await clock.pass(2000);
    assert.equal(region.racks.find(RACK_UUID), undefined);
    other.close();
  }));

test('two racks that hand out the same addresses are reported', () => {
  const mine = rack({ state: 'accepted' });
  const serve = (interfaces: Rack['interfaces'], state: Rack['state'] = 'accepted'): string | undefined => {
    const shared = findSharedRange(mine, [mine, rack({ uuid: OTHER_UUID, name: 'rack-3', interfaces, state })]);
    return shared && rangeSharedText(shared);
  };
  const same = rackInterface();
  assert.match(serve([same]) ?? '', /^rack-3 also hands out 10\.50\.0\.100 to 10\.50\.0\.199/);
  assert.match(serve([{ ...same, ip_range_low: '10.50.0.199' }]) ?? '', /10\.50\.0\.199 to 10\.50\.0\.199/);
  assert.equal(serve([{ ...same, ip_range_low: '10.50.0.200', ip_range_high: '10.50.0.210' }]), undefined);
  assert.equal(serve([{ ...same, management: 0 }]), undefined);
  assert.equal(serve([{ ...same, ip_range_low: '', ip_range_high: '' }]), undefined);
  assert.equal(serve([same], 'pending'), undefined);
});

const INTERFACES: readonly (readonly [name: string, change: object, isGood: boolean])[] = [
  ['an interface as a rack sends it', {}, true],
  ['a relayed network, without addresses of the rack', { interface: '', ip: '', router_ip: '' }, true],
  ['the whole internet', { network: '0.0.0.0/0' }, false],
  ['a network with bits beyond its prefix', { network: '10.50.0.1/24' }, false],
  ['an invalid address', { ip: '10.50.0.256' }, false],
  ['a management that does not exist', { management: 3 }, false],
  ['a name with a slash', { name: 'a/b' }, false],
  ['a network with what its file has', { domain: 'far.example', dns_servers: ['192.0.2.53'], mtu: 1400 }, true],
  ['a text that is no domain', { domain: '<b>' }, false],
  ['too many DNS servers', { dns_servers: Array.from({ length: 17 }, () => '192.0.2.53') }, false],
  ['an MTU that no datagram has', { mtu: 65_536 }, false],
  ['an interface name that is too long', { interface: 'x'.repeat(16) }, false],
];
test('an MTU below the smallest legal one counts as that', () => {
  const mtusOf = (mtu: number) => rackInterfaces.parse([{ ...rackInterface(), mtu }]).map((one) => one.mtu);
  assert.deepEqual([mtusOf(0), mtusOf(68), mtusOf(1400)], [[68], [68], [1400]]);
});

for (const [name, change, isGood] of INTERFACES) {
  test(`${name} is ${isGood ? 'taken' : 'refused'}`, () => {
    assert.equal(check(rackInterfaces, [{ ...rackInterface(), ...change }]).ok, isGood);
  });
}

test('unknown racks register within the rates of an address, a network and the total; one more is refused, known ones are not', () =>
  withRegion(async ({ region, clock }) => {
    let made = 0;
    const come = async (address: string): Promise<boolean> => {
      made += 1;
      const uuid = `11111111-2222-4333-8444-${String(made).padStart(12, '0')}`;
      const key = { kind: 'own', token: `token-${made}`, secretDigest: digestOf('x') } as const;
      return (await register(region, registration({ uuid, name: `rack-${made}`, key, address }))).kind !== 'too-many';
    };
    /** How many of one more than `most` are taken, each from the address of its number. */
    const taken = async (most: number, addressOf: (index: number) => string): Promise<number> => {
      let count = 0;
      for (let index = 0; index <= most; index += 1) if (await come(addressOf(index))) count += 1;
      return count;
    };
    await acceptRack(region);
    await clock.leap(86_400_000);
    assert.equal(await taken(REGISTRATIONS_PER_ADDRESS.burst, () => '192.0.2.1'), REGISTRATIONS_PER_ADDRESS.burst);
    const others = REGISTRATIONS_PER_NETWORK.burst - REGISTRATIONS_PER_ADDRESS.burst;
    assert.equal(await taken(others, (index) => `192.0.2.${2 + index}`), others);
    const rest = REGISTRATIONS_IN_TOTAL.burst - REGISTRATIONS_PER_NETWORK.burst;
    assert.equal(await taken(rest, (index) => `10.${index}.0.1`), rest);
    assert.equal((await register(region, registration())).kind, 'accepted', 'a known rack asks again');
    await clock.pass(1000 / REGISTRATIONS_IN_TOTAL.perSecond);
    assert.ok(await come('10.99.0.1'), 'with time');
  }));

test('a silent rack is logged once, and once as back, whichever process of the region is on duty', () =>
  withRegion(async ({ region, clock, store, config }) => {
    await acceptRack(region);
    const reported = async (): Promise<readonly string[]> =>
      (await store.listEvents({ limit: 50 })).map(({ type }) => type).filter((type) => /^RACK_(AWAY|BACK)$/.test(type));
    await clock.pass(AWAY_AFTER_MS - 5000);
    assert.deepEqual(await reported(), []);
    await clock.pass(65_000);
    assert.deepEqual(await reported(), ['RACK_AWAY']);
    region.close();
    const second = await openRegion({ config, store, clock, onDesiredState: () => {} });
    await clock.pass(AWAY_AFTER_MS + 60_000);
    assert.deepEqual(await reported(), ['RACK_AWAY']);
    second.close();
    const third = await openRegion({ config, store, clock, onDesiredState: () => {} });
    await hearRack(third, RACK_UUID, [rackInterface()]);
    await clock.pass(10_000);
    assert.deepEqual(await reported(), ['RACK_BACK', 'RACK_AWAY']);
    third.close();
  }));

test('after a start, the region gives its racks time to report', () =>
  withRegion(async ({ region, clock, store, config }) => {
    await acceptRack(region);
    region.close();
    await clock.leap(3_600_000);
    const again = await openRegion({ config, store, clock, onDesiredState: () => {} });
    await clock.pass(10_000);
    assert.equal(
      (await store.listEvents({ limit: 50 })).some(({ type }) => type === 'RACK_AWAY'),
      false,
    );
    again.close();
  }));
