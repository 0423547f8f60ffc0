// Bonds, bridges and VLAN interfaces, and their links, on a machine with two interfaces and networks with a tagged VLAN.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ipv4, ipv4, mac } from '../../../src/ground/address.ts';
import { makeAcquiredBridges } from '../../../src/region/layout/acquired-bridges.ts';
import { refuseLayout } from '../../../src/region/layout/deployable.ts';
import {
  changeInterface,
  type InterfaceWish,
  type MadeKind,
  makeInterface,
  removeInterface,
} from '../../../src/region/layout/interface-changes.ts';
import { buildNetInterfaces } from '../../../src/region/layout/interfaces.ts';
import { linkSubnet } from '../../../src/region/layout/link-changes.ts';
import {
  beginDraft,
  type LayoutRefusal,
  layoutWith,
  type NetworkDraft,
} from '../../../src/region/layout/network-draft.ts';
import type { SubnetView } from '../../../src/region/networks/network-view.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { LAID_INTERFACES_MAX, LINKS_MAX } from '../../../src/region/records/machine-layout.ts';
import { FIELDS } from '../../contract/machines.ts';
import { networksWith, SERVED, subnetView, UNTAGGED, vlanView } from '../networks/laid-view.ts';

const [FIRST, SECOND] = [11, 12];
const NIC = { source: 'vouched' } as const;
const MACHINE: Machine = {
  ...FIELDS,
  id: 3,
  systemId: 'aaaaaa',
  createdMs: 0,
  addresses: [],
  tags: [],
  interfaces: [
    { ...NIC, id: FIRST, name: 'eno1', mac: mac(0x525400000001), address: ipv4(0x0a140064) },
    { ...NIC, id: SECOND, name: '', mac: mac(0x525400000002) },
  ],
};
const TAGGED = vlanView({ id: 5002, name: 'storage', vid: 100, mtu: 9000 });
const ELSEWHERE = vlanView({ id: 5003, name: 'far', vid: 7, mtu: 1500 }, { ...UNTAGGED.fabric, id: 5, name: 'far' });
const NETWORKS = networksWith(
  [TAGGED, ELSEWHERE],
  [subnetView(1, UNTAGGED, '10.20.0.0/24'), subnetView(2, TAGGED, '10.30.0.0/24')],
);
const draftOf = (machine: Machine): NetworkDraft => beginDraft(machine, NETWORKS);
const START = draftOf(MACHINE);

/** The machine after a change. */
const after = (draft: NetworkDraft): Machine => ({ ...MACHINE, layout: layoutWith(draft) });
const saidOf = (outcome: { readonly kind: string } | LayoutRefusal): string =>
  'refusal' in outcome ? `${outcome.field ?? ''}: ${outcome.refusal.text}` : outcome.kind;

function made(draft: NetworkDraft, kind: MadeKind, wish: InterfaceWish): { draft: NetworkDraft; id: number } {
  const outcome = makeInterface(draft, kind, wish);
  assert.ok(outcome.kind === 'changed', saidOf(outcome));
  return outcome;
}

test('a link leads to a subnet of the VLAN of its interface', () => {
  const { draft, id } = made(START, 'vlan', { parents: [FIRST], vlanId: TAGGED.vlan.id });
  const wish = { mode: 'auto', isForced: false, isGateway: false } as const;
  assert.equal(linkSubnet(draft, id, { ...wish, subnetId: 2 }).kind, 'draft');
  assert.match(saidOf(linkSubnet(draft, id, { ...wish, subnetId: 1 })), /^subnet: 10\.20\.0\.0\/24 is in the VLAN unt/);
  assert.match(saidOf(linkSubnet(draft, id, { ...wish, subnetId: 1, isForced: true })), /^subnet: /);
  const linked = linkSubnet(draft, SECOND, { ...wish, subnetId: 2 });
  assert.ok(linked.kind === 'draft');
  const [, second] = buildNetInterfaces(after(linked), NETWORKS);
  assert.deepEqual([second?.vlan, second?.links.map(({ mode }) => mode)], [TAGGED, ['auto']]);
  // Another VLAN: its subnet is out of reach.
  const moved = changeInterface(linked, SECOND, { vlanId: UNTAGGED.vlan.id });
  assert.ok(moved.kind === 'changed');
  const [, left] = buildNetInterfaces(after(moved.draft), NETWORKS);
  assert.deepEqual([left?.vlan, left?.links.map(({ mode }) => mode)], [UNTAGGED, ['link_up']]);
});

test('an auto link next to a static one of the same subnet shows an address of its own, or none', () => {
  const [low, chosen, high] = [20, 30, 40].map((host) => ipv4(0x0a140000 + host)) as [Ipv4, Ipv4, Ipv4];
  const { draft } = linkedTwice(chosen);
  const shown = (...addresses: readonly Ipv4[]): readonly unknown[] => {
    const [first] = MACHINE.interfaces;
    const held = addresses.map((address) => ({ mac: first?.mac ?? mac(0), address }));
    const [one] = buildNetInterfaces({ ...after(draft), addresses: held }, NETWORKS);
    return one?.links.map(({ mode, address }) => [mode, address]) ?? [];
  };
  const wanted = (first: Ipv4 | undefined, last: Ipv4 | undefined) => [
    ['auto', first],
    ['static', chosen],
    ['auto', last],
  ];
  assert.deepEqual(shown(), wanted(undefined, undefined));
  assert.deepEqual(shown(chosen), wanted(undefined, undefined));
  assert.deepEqual(shown(chosen, high), wanted(high, undefined));
  assert.deepEqual(shown(low, chosen, high), wanted(low, high));
});

/** The first interface with an auto link, a static one and another auto link. */
function linkedTwice(address: Ipv4): { readonly draft: NetworkDraft } {
  let draft = START;
  const wishes = [
    { mode: 'auto', isForced: true },
    { mode: 'static', isForced: false, address },
    { mode: 'auto', isForced: false },
  ] as const;
  for (const wish of wishes) {
    const linked = linkSubnet(draft, FIRST, { ...wish, subnetId: 1, isGateway: false });
    assert.ok(linked.kind === 'draft', saidOf(linked));
    draft = linked;
  }
  return { draft };
}

test('the only served network is that of a machine never seen; another network takes no link from a machine with an address', () => {
  const home = { ...subnetView(1, UNTAGGED, '10.20.0.0/24'), served: [{ ...SERVED, fixed: [1, 2] as never }] };
  const other = { ...subnetView(3, UNTAGGED, '10.40.0.0/24'), served: [SERVED] };
  const [first, second] = MACHINE.interfaces;
  assert.ok(first !== undefined && second !== undefined);
  const { address: _seen, ...unseen } = first;
  const machine = { ...MACHINE, interfaces: [unseen, second] };
  const held = { ...machine, addresses: [{ mac: unseen.mac, address: ipv4(0x0a140014) }] };
  const linked = (of: Machine, ...subnets: readonly SubnetView[]): unknown =>
    buildNetInterfaces(of, networksWith([], subnets))[0]?.links[0]?.subnetId;
  assert.equal(linked(machine, home), 1);
  assert.equal(linked(machine, home, other), undefined);
  assert.equal(linked(held, home), 1);
  assert.equal(linked(held, home, other), 1);
});

test('a machine never seen gets an address by DHCP wherever it is, if racks serve several networks, until a person chooses a link', () => {
  const served = [1, 3].map((id) => ({ ...subnetView(id, UNTAGGED, `10.${id}.0.0/24`), served: [SERVED] }));
  const networks = networksWith([], served);
  const [first, second] = MACHINE.interfaces;
  assert.ok(first !== undefined && second !== undefined);
  const { address: _seen, ...unseen } = first;
  const machine = { ...MACHINE, interfaces: [unseen, second] };
  const linksOf = (of: Machine, position = 0) =>
    buildNetInterfaces(of, networks)[position]?.links.map(({ mode, subnetId }) => [mode, subnetId]);
  assert.deepEqual(linksOf(machine), [['dhcp', undefined]]);
  assert.deepEqual(linksOf(machine, 1), [['link_up', undefined]]);
  const draft = beginDraft(machine, networks);
  const named = changeInterface(draft, FIRST, { name: 'lan0' });
  assert.ok(named.kind === 'changed', saidOf(named));
  const laid = { ...machine, layout: layoutWith(named.draft) };
  assert.equal(refuseLayout(laid, networks, 'image', undefined), undefined, 'it can be deployed');
  for (const mode of ['auto', 'dhcp', 'link_up'] as const) {
    const subnetId = mode === 'link_up' ? undefined : 3;
    const chosen = linkSubnet(beginDraft(laid, networks), FIRST, { mode, subnetId, isForced: false, isGateway: false });
    assert.ok(chosen.kind === 'draft', saidOf(chosen));
    assert.deepEqual(linksOf({ ...machine, layout: layoutWith(chosen) }), [[mode, subnetId]]);
  }
});

test('an interface that cannot be made is refused by its parameter', () => {
  const bond = made(START, 'bond', { name: 'bond0', parents: [FIRST, SECOND] });
  const vlan = made(START, 'vlan', { parents: [FIRST], vlanId: TAGGED.vlan.id });
  const cases: readonly (readonly [NetworkDraft, MadeKind, InterfaceWish, RegExp])[] = [
    [START, 'bond', { name: 'bond0' }, /^parents: /],
    [START, 'bond', { name: 'bond0', parents: [99] }, /^parents: The machine has no interface with the id 99/],
    [START, 'bridge', { name: 'br0', parents: [FIRST, SECOND] }, /^parent: Give one interface/],
    [START, 'bond', { parents: [FIRST] }, /^name: /],
    [START, 'bond', { name: '0bond', parents: [FIRST] }, /^name: Give at most 15/],
    [START, 'bond', { name: 'a-name-of-16-let', parents: [FIRST] }, /^name: Give at most 15/],
    [START, 'bond', { name: 'eth1', parents: [FIRST] }, /^name: The machine has an interface eth1/],
    [START, 'bond', { name: 'bond0', parents: [FIRST], mac: mac(0x010000000000) }, /^mac_address: /],
    [START, 'vlan', { parents: [FIRST] }, /^vlan: /],
    [START, 'vlan', { parents: [FIRST], vlanId: 5001 }, /^vlan: This VLAN is untagged/],
    [
      START,
      'vlan',
      { parents: [FIRST], vlanId: 5003 },
      /^vlan: This VLAN is in far, and eno1 is connected to fabric-0/,
    ],
    [START, 'vlan', { parents: [FIRST], vlanId: 9 }, /^vlan: There is no VLAN with the id 9/],
    [bond.draft, 'bridge', { name: 'br0', parents: [FIRST] }, /^parent: eno1 is already a part of bond0/],
    [bond.draft, 'vlan', { parents: [FIRST], vlanId: TAGGED.vlan.id }, /^parent: eno1 is already a part of bond0/],
    [bond.draft, 'bond', { name: 'bond1', parents: [bond.id] }, /^parents: bond0 cannot be a part of a bond/],
    [vlan.draft, 'bond', { name: 'bond0', parents: [FIRST] }, /^parents: eno1 is already a part of eno1\.100/],
    [
      vlan.draft,
      'vlan',
      { parents: [vlan.id], vlanId: TAGGED.vlan.id },
      /^parent: eno1\.100 cannot be a part of a VLAN/,
    ],
  ];
  for (const [draft, kind, wish, expected] of cases) assert.match(saidOf(makeInterface(draft, kind, wish)), expected);
  const bridge = made(bond.draft, 'bridge', { name: 'br0', parents: [bond.id] });
  assert.match(saidOf(removeInterface(bridge.draft, bond.id)), /br0 is made of bond0: delete br0 first/);
});

test('hardware that is gone leaves the interfaces that were made of it without that part', () => {
  const { draft, id } = made(START, 'bond', { name: 'bond0', parents: [FIRST, SECOND] });
  const [kept] = MACHINE.interfaces;
  assert.ok(kept !== undefined);
  const smaller = { ...after(draft), interfaces: [kept] };
  const bond = buildNetInterfaces(smaller, NETWORKS).find((each) => each.id === id);
  assert.deepEqual(bond?.parents, [FIRST]);
});

test('a machine has a bounded number of interfaces and of links', () => {
  const [nic] = START.layout.interfaces;
  const [link] = START.layout.links;
  assert.ok(nic !== undefined && link !== undefined);
  const interfaces = Array.from({ length: LAID_INTERFACES_MAX }, (_, index) => ({ ...nic, id: 100 + index }));
  const crowded = { ...START, layout: { ...START.layout, interfaces } };
  assert.match(saidOf(makeInterface(crowded, 'bond', { name: 'b', parents: [100] })), /at most 128 interfaces/);
  const links = Array.from({ length: LINKS_MAX }, (_, index) => ({
    ...link,
    id: 100 + index,
    mode: 'static' as const,
  }));
  const linked = { ...START, layout: { ...START.layout, links } };
  const wish = { mode: 'auto', subnetId: 1, isForced: false, isGateway: false } as const;
  assert.match(saidOf(linkSubnet(linked, FIRST, wish)), /at most 256 links/);
});

test('a bridge that an allocation makes has another name if the machine has the usual one, or Linux would refuse it', () => {
  const named = (...names: readonly string[]) => {
    const interfaces = names.map((name, at) => ({
      ...NIC,
      id: FIRST + at,
      address: ipv4(0x0a140064 + at),
      name,
      mac: mac(0x525400000001 + at),
    }));
    const made = makeAcquiredBridges({ ...MACHINE, interfaces }, NETWORKS, {});
    assert.ok(!('kind' in made), saidOf(Object(made)));
    return made.network?.interfaces.flatMap(({ kind, name }) => (kind === 'bridge' ? [name] : []));
  };
  assert.deepEqual(named('eno1'), ['br-eno1']);
  assert.deepEqual(named('eno1', 'br-eno1'), ['b-o1']);
  assert.match(String(named('eno1', 'br-eno1', 'b-o1')), /^b-[0-9a-f]{6}-eno1$/);
  for (const odd of ['eno 1', 'eno1:1', 'ÄÄ', 'x/../../y']) assert.match(String(named(odd)), /^b-[0-9a-f]{6}$/);
});
