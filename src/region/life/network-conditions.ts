// The conditions of an allocation on the network of a machine, and which interfaces meet them. Pure.
//
// Sources: MAAS's specifiers of interfaces and networks; the parameters `subnets`, `not_subnets`,
// `fabrics`, `not_fabrics`, `vlans`, `not_vlans`, `fabric_classes`, `not_fabric_classes` and
// `interfaces` of MAAS's `machines/?op=allocate`, as Juju sends them
// (`interfaces=0:space=5;1:space=7`, `not_subnets=space:dmz`); `networks` and `not_networks` of
// `nodes/?op=acquire` in API 1.0 (`lan`, `name:lan`, `ip:10.20.0.7`, `vlan:100`).
//
// 1. An interface is in the subnets of its links, or, if it has no such link, in the one in which
//    it was last seen.
// 2. A name that is the id of one object and the name of another means the id.
// 3. An object may be named by a condition of its own: `subnet=cidr:10.20.0.0/24`, `vlan=vid:5`,
//    `fabric=class:10g`.
// 4. In 1.0, an interface is also in each network in which a person recorded it (`connect_macs`).

import { formatMac, type Ipv4, networkContains, parseIpv4 } from '../../ground/address.ts';
import { buildNetInterfaces, type NetInterface } from '../layout/interfaces.ts';
import { type NetworkView, oldNetworkName, type SubnetView, specified } from '../networks/network-view.ts';
import { type Machine, machineFqdn } from '../records/machine.ts';
import { INTERFACE_KINDS } from '../records/machine-layout.ts';

type InterfaceTest = (netInterface: NetInterface, machine: Machine) => boolean;

interface NetworkConditions {
  readonly some: readonly InterfaceTest[];
  readonly none: readonly InterfaceTest[];
  /** By label: an interface meets all of these. Interfaces may meet several labels. */
  readonly labels: ReadonlyMap<string, readonly InterfaceTest[]>;
}

const listSubnets = ({ links, seenIn }: NetInterface): readonly SubnetView[] => {
  const linked = links.flatMap(({ subnet }) => subnet ?? []);
  return linked.length > 0 || seenIn === undefined ? linked : [seenIn];
};

const inSubnet =
  (isWanted: (subnet: SubnetView) => boolean): InterfaceTest =>
  (netInterface) =>
    listSubnets(netInterface).some(isWanted);

/** The space of VLANs in no space, by name and by id. */
const [NO_SPACE, NO_SPACE_ID] = ['undefined', '-1'];

/** MAAS's specifiers `name:lan`, `cidr:10.20.0.0/24`, `id:7`; without one, any of them. */
function findSpecifiedSubnet(text: string, { records: { subnets } }: NetworkView) {
  const [, form, own = ''] = /^(name|cidr|id):(.*)$/.exec(text) ?? [];
  if (form === 'name') return subnets.find(({ name }) => name === own);
  if (form === 'cidr') return subnets.find(({ cidr }) => cidr === own);
  if (form === 'id') return subnets.find(({ id }) => String(id) === own);
  return specified(subnets, text) ?? subnets.find(({ cidr }) => cidr === text);
}

type Condition = (text: string, view: NetworkView) => InterfaceTest | undefined;

/**
 * The object that a text names by another condition, such as `vid:5`; `undefined`: it names none
 * so, or nothing is called so.
 */
function nested(text: string, names: readonly string[], view: NetworkView): InterfaceTest | undefined {
  const [, form = '', own = ''] = /^([a-z_]+):(.*)$/.exec(text) ?? [];
  return names.includes(form) ? CONDITIONS[form]?.(own, view) : undefined;
}

const listAddresses = ({ links, nic }: NetInterface): readonly (Ipv4 | undefined)[] => [
  ...links.map(({ address }) => address),
  nic?.address,
];

const UNCONFIGURED = 'unconfigured';
const TYPES: readonly string[] = [...INTERFACE_KINDS, 'unknown'];

const CONDITIONS: Readonly<Record<string, Condition>> = {
  subnet: (text, view) => {
    const foundSubnet = findSpecifiedSubnet(text, view);
    if (foundSubnet === undefined) return nested(text, ['ip', 'space', 'fabric', 'vlan', 'vid'], view);
    return inSubnet(({ subnet }) => subnet.id === foundSubnet.id);
  },
  space: (text, { records }) => {
    if (text === NO_SPACE || text === NO_SPACE_ID) return ({ vlan }) => vlan !== undefined && vlan.space === undefined;
    const space = specified(records.spaces, text);
    return space && (({ vlan }) => vlan?.space?.id === space.id);
  },
  subnet_cidr: (text, view) => {
    const foundSubnet = findSpecifiedSubnet(`cidr:${text}`, view);
    return foundSubnet && inSubnet(({ subnet }) => subnet.id === foundSubnet.id);
  },
  fabric: (text, view) => {
    const byClass = /^class:(.*)$/.exec(text)?.[1];
    if (byClass !== undefined) return CONDITIONS.fabric_class?.(byClass, view);
    const fabric = specified(view.records.fabrics, text);
    return fabric && (({ vlan }) => vlan?.fabric.id === fabric.id);
  },
  fabric_class: (text, { records }) =>
    records.fabrics.some(({ classType }) => classType === text)
      ? ({ vlan }) => vlan?.fabric.classType === text
      : undefined,
  vlan: (text, view) => {
    const foundVlan = specified(view.records.vlans, text);
    if (foundVlan === undefined) return nested(text, ['vid', 'fabric', 'space'], view);
    return ({ vlan }) => vlan?.vlan.id === foundVlan.id;
  },
  vid: (text) => (/^\d{1,4}$/.test(text) ? ({ vlan }) => vlan?.vlan.vid === Number(text) : undefined),
  ip: (text) => {
    const address = parseIpv4(text);
    return address === undefined ? undefined : inSubnet(({ network }) => networkContains(network, address));
  },
  id: (text) => (/^\d{1,15}$/.test(text) ? ({ id }) => String(id) === text : undefined),
  name: (text) => (netInterface) => netInterface.name === text,
  hostname: (text) => (_one, machine) => [machine.hostname, machineFqdn(machine)].includes(text.toLowerCase()),
  type: (text) => (TYPES.includes(text.toLowerCase()) ? ({ kind }) => kind === text.toLowerCase() : undefined),
  // As in MAAS: no link has an address.
  mode: (text) =>
    text.trim().toLowerCase() === UNCONFIGURED
      ? ({ links }) => links.every(({ address }) => address === undefined)
      : undefined,
  link_speed: (text) => (/^\d{1,9}$/.test(text) ? ({ link }) => link.linkSpeed >= Number(text) : undefined),
  mac: (text) => (netInterface) => formatMac(netInterface.mac) === text.toLowerCase(),
  tag: (text) => (netInterface) => text.split('&&').every((tag) => netInterface.tags.includes(tag)),
};

/** The conditions of `interfaces`, in which `ip` is an address of the interface itself. */
const OWN_CONDITIONS: Readonly<Record<string, Condition>> = {
  ip: (text) => {
    const address = parseIpv4(text);
    return address === undefined ? undefined : (netInterface) => listAddresses(netInterface).includes(address);
  },
};

const CHOICES: Readonly<Record<string, readonly string[]>> = { type: TYPES, mode: [UNCONFIGURED] };

const CONDITION_NAMES = Object.keys(CONDITIONS);

/** A condition whose name is unknown, or whose value names nothing. */
export interface UnusableCondition {
  readonly kind: 'unusable';
  readonly condition: string;
  readonly text: string;
  readonly names: readonly string[] | undefined;
  /** `undefined`: those of a list of objects. */
  readonly choices?: readonly string[] | undefined;
}

export const isUnusable = (value: object | undefined): value is UnusableCondition =>
  value !== undefined && 'kind' in value && value.kind === 'unusable';

function buildInterfaceTest(
  condition: string,
  text: string,
  view: NetworkView,
  conditions = CONDITIONS,
): InterfaceTest | UnusableCondition {
  const make = Object.hasOwn(conditions, condition) ? conditions[condition] : undefined;
  const unusable = { kind: 'unusable', condition, text } as const;
  if (make === undefined) return { ...unusable, names: CONDITION_NAMES };
  return make(text, view) ?? { ...unusable, names: undefined, choices: CHOICES[condition] };
}

function allTests(
  results: readonly (InterfaceTest | UnusableCondition)[],
): readonly InterfaceTest[] | UnusableCondition {
  const usable: InterfaceTest[] = [];
  for (const result of results) {
    if (isUnusable(result)) return result;
    usable.push(result);
  }
  return usable;
}

/**
 * Parses names such as `lan`, `10.20.0.0/24` or `space:dmz`. @param condition of a name without
 * one: `subnet` or `fabric`
 */
export const parseNames = (names: readonly string[], condition: string, view: NetworkView) =>
  allTests(
    names.map((name) => {
      // Of a subnet, `name:`, `cidr:` and `id:` say how it is named; they are not conditions on interfaces.
      const isOfSubnet = condition === 'subnet' && /^(?:name|cidr|id):/.test(name);
      const [, own = condition, text = name] = isOfSubnet ? [] : (/^([a-z]+):(.*)$/.exec(name) ?? []);
      return buildInterfaceTest(own, text, view);
    }),
  );

/** The forms of a name in 1.0. */
const NETWORKS: Readonly<Record<string, (text: string) => (subnetView: SubnetView) => boolean>> = {
  name: (text) => (subnetView) => oldNetworkName(subnetView) === text,
  ip: (text) => {
    const address = parseIpv4(text);
    return ({ network }) => address !== undefined && networkContains(network, address);
  },
  vlan:
    (text) =>
    ({ vlan }) =>
      /^(?:\d{1,4}|0x[0-9a-f]{1,3})$/i.test(text) && vlan.vlan.vid === Number(text),
};

export const parseNetworks = (names: readonly string[], view: NetworkView) =>
  allTests(
    names.map((name) => {
      const [, form = 'name', text = name] = /^(name|ip|vlan):(.*)$/.exec(name) ?? [];
      const isMeant = NETWORKS[form]?.(text) ?? (() => false);
      const ids = new Set(view.subnets.filter(isMeant).map(({ subnet }) => subnet.id));
      if (ids.size === 0) return { kind: 'unusable', condition: 'network', text, names: undefined } as const;
      const recorded = new Set(view.records.connections.flatMap(({ subnetId, mac }) => (ids.has(subnetId) ? mac : [])));
      return (netInterface: NetInterface) =>
        recorded.has(netInterface.mac) || listSubnets(netInterface).some(({ subnet }) => ids.has(subnet.id));
    }),
  );

/**
 * Parses `0:space=5;storage:subnet=lan,tag=fast`. `undefined`: it is malformed, or has a label
 * twice.
 */
export function parseLabels(
  text: string,
  view: NetworkView,
): ReadonlyMap<string, readonly InterfaceTest[]> | UnusableCondition | undefined {
  const labels = new Map<string, readonly InterfaceTest[]>();
  for (const part of text.split(';').filter((part) => part.trim() !== '')) {
    const [, label, pairs] = /^([A-Za-z0-9_-]+):(.+)$/.exec(part.trim()) ?? [];
    if (label === undefined || pairs === undefined || labels.has(label)) return undefined;
    const results: (InterfaceTest | UnusableCondition)[] = [];
    for (const pair of pairs.split(',')) {
      const [, name, value] = /^([a-z_]+)=(.+)$/.exec(pair.trim()) ?? [];
      if (name === undefined || value === undefined) return undefined;
      results.push(buildInterfaceTest(name, value, view, { ...CONDITIONS, ...OWN_CONDITIONS }));
    }
    const tests = allTests(results);
    if (isUnusable(tests)) return tests;
    labels.set(label, tests);
  }
  return labels;
}

export function meetsNetwork(machine: Machine, { some, none, labels }: NetworkConditions, view: NetworkView): boolean {
  const interfaces = buildNetInterfaces(machine, view);
  return (
    some.every((test) => interfaces.some((netInterface) => test(netInterface, machine))) &&
    !none.some((test) => interfaces.some((netInterface) => test(netInterface, machine))) &&
    [...labels.values()].every((tests) =>
      interfaces.some((netInterface) => tests.every((test) => test(netInterface, machine))),
    )
  );
}

export function matchInterfaces(
  machine: Machine,
  { labels }: NetworkConditions,
  view: NetworkView,
): Readonly<Record<string, readonly number[]>> {
  const interfaces = buildNetInterfaces(machine, view);
  const idsOf = (tests: readonly InterfaceTest[]) =>
    interfaces.filter((netInterface) => tests.every((test) => test(netInterface, machine))).map(({ id }) => id);
  return Object.fromEntries([...labels].map(([label, tests]) => [label, idsOf(tests)]));
}
